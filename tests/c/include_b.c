#include <streambro.h>

const char *version_of_the_other(void);

const char *version_of_the_other(void) { return streambro_version(); }
