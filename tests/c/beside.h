// A stream that must go on whatever is done beside it.

#ifndef BESIDE_H
#define BESIDE_H

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static streambro_manager *manager;

// Puts it on the air: of `CLIP URL`.
static inline void begin(int argc, char **argv) {
  CHECK(argc == 3);
  manager = new_manager("{\"v\": 1}");
  start(manager, "beside", argv[1], argv[2]);
  is_live(manager, "beside");
}

// Sees that it still sends, and ends it.
static inline int end(void) {
  long long before = sent(manager, "beside");
  struct timespec pause = {0, 100000000};
  for (int n = 0; n < 100 && sent(manager, "beside") <= before; n++) nanosleep(&pause, NULL);
  CHECK(sent(manager, "beside") > before);
  OK(streambro_manager_shutdown(manager, 5000, &error));
  streambro_manager_free(manager);
  puts("the stream beside goes on");
  return 0;
}

#endif
