// The host's signals are the host's: each comes to its one thread and interrupts what that waits in.
//
//     signals CLIP URL

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static pthread_t host;
static volatile sig_atomic_t came, came_elsewhere;

static void handle(int signal) {
  (void)signal;
  if (pthread_equal(pthread_self(), host)) {
    came++;
  } else {
    came_elsewhere++;
  }
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  host = pthread_self();
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handle;
  CHECK(sigaction(SIGTERM, &action, NULL) == 0);
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);

  streambro_manager *manager = new_manager("{\"v\": 1}");
  start(manager, "a", argv[1], argv[2]);
  is_live(manager, "a");
  for (int round = 0; round < 50; round++) {
    struct itimerspec soon = {.it_value = {.tv_nsec = 5000000}};
    timer_t timer;
    CHECK(timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0);
    CHECK(timer_settime(timer, 0, &soon, NULL) == 0);
    CHECK(poll(NULL, 0, 10000) == -1 && errno == EINTR);
    CHECK(timer_delete(timer) == 0);
    CHECK(kill(getpid(), SIGTERM) == 0);
  }
  CHECK(came == 100 && came_elsewhere == 0);

  // What it found installed is still there.
  struct sigaction now;
  CHECK(sigaction(SIGTERM, NULL, &now) == 0 && now.sa_handler == handle);
  CHECK(sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
  CHECK(sigaction(SIGCHLD, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
  OK(streambro_manager_shutdown(manager, 5000, &error));
  streambro_manager_free(manager);
  puts("all signals came to the host");
  return 0;
}
