#include <streambro.h>
#include <streambro.h>

#include <stdio.h>

const char *version_of_the_other(void);

int main(void) {
  printf("%s %s\n", streambro_version(), version_of_the_other());
  return 0;
}
