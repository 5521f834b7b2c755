#include <streambro.hpp>

std::string version_of_the_other();

std::string version_of_the_other() { return streambro::version(); }
