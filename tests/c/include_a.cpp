#include <streambro.hpp>
#include <streambro.h>
#include <streambro.hpp>

#include <iostream>

std::string version_of_the_other();

int main() { std::cout << streambro::version() << " " << version_of_the_other() << "\n"; }
