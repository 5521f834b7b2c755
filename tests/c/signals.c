// The host's signals are the host's: each comes to its one thread and interrupts what that waits in, although another one, which is
// asked first, keeps them blocked.
//
//     signals CLIP URL

#define _GNU_SOURCE

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "check.h"

enum { ROUNDS = 50 };

static sigset_t ours;
static pthread_t waits;
static volatile sig_atomic_t came, came_elsewhere;

static void handle(int signal) {
  (void)signal;
  if (pthread_equal(pthread_self(), waits)) {
    came++;
  } else {
    came_elsewhere++;
  }
}

// Waits for one signal after the other.
static void *wait_for_signals(void *nothing) {
  sigset_t none;
  CHECK(sigemptyset(&none) == 0);
  while (came < ROUNDS) CHECK(ppoll(NULL, 0, NULL, &none) == -1 && errno == EINTR);
  return nothing;
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  struct sigaction action, now;
  memset(&action, 0, sizeof action);
  action.sa_handler = handle;
  CHECK(sigaction(SIGTERM, &action, NULL) == 0);

  streambro_manager *manager = new_manager("{\"v\": 1}");
  start(manager, "a", argv[1], argv[2]);
  is_live(manager, "a");

  // Only `ppoll` lets it in, in the thread that waits.
  CHECK(sigemptyset(&ours) == 0 && sigaddset(&ours, SIGTERM) == 0);
  CHECK(pthread_sigmask(SIG_BLOCK, &ours, NULL) == 0);
  CHECK(pthread_create(&waits, NULL, wait_for_signals, NULL) == 0);
  for (int round = 0; round < ROUNDS; round++) {
    CHECK(kill(getpid(), SIGTERM) == 0);
    // One at a time: those that wait are one.
    for (int n = 0; n < 10000 && came <= round && !came_elsewhere; n++) poll(NULL, 0, 1);
  }
  CHECK(came == ROUNDS && came_elsewhere == 0);
  CHECK(pthread_join(waits, NULL) == 0);

  // What it found installed is still there.
  CHECK(sigaction(SIGTERM, NULL, &now) == 0 && now.sa_handler == handle);
  CHECK(sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
  CHECK(sigaction(SIGCHLD, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
  OK(streambro_manager_shutdown(manager, 5000, &error));
  streambro_manager_free(manager);
  puts("all signals came to the host");
  return 0;
}
