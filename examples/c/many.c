// Many streams in one thread that also does other things: everything waits in one `poll`.
//
//     many SECONDS FILE URL KEY_PREFIX COUNT       streams go to PREFIX-1, PREFIX-2, ...
//
// Keys on a command line can be read by every user of the machine: this is for a server of your own.

#define _POSIX_C_SOURCE 200809L

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <streambro.h>

static int fail(streambro_error *error) {
  fprintf(stderr, "%s\n", streambro_error_message(error));
  streambro_error_free(error);
  return 1;
}

static int start(streambro_manager *manager, const char *id, const char *file, const char *url, streambro_error **error) {
  streambro_spec *spec = NULL;
  int failed = streambro_spec_new(id, &spec, error) || streambro_spec_set_file(spec, file, error) ||
               streambro_spec_set_repeat(spec, 0, error) || streambro_spec_add_destination(spec, url, id, error) ||
               streambro_manager_start(manager, spec, error);
  streambro_spec_free(spec);
  return failed;
}

// Reads what is there, and returns how many streams went live by it.
static int read_events(streambro_events *events) {
  int live = 0;
  streambro_event *event = NULL;
  while (streambro_events_next(events, 0, &event, NULL) == STREAMBRO_RESULT_OK) {
    if (streambro_event_phase(event) == STREAMBRO_PHASE_LIVE) {
      live++;
      printf("%s is live\n", streambro_event_stream(event));
    } else if (streambro_event_phase(event) == STREAMBRO_PHASE_ENDED) {
      printf("%s has ended: %s\n", streambro_event_stream(event), streambro_event_detail(event));
    }
    fflush(stdout);
    streambro_event_free(event);
  }
  return live;
}

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: %s SECONDS FILE URL KEY_PREFIX COUNT\n", argv[0]);
    return 2;
  }
  long long end = now_ms() + atoi(argv[1]) * 1000LL;
  int count = atoi(argv[5]), live = 0, status = 0;

  streambro_error *error = NULL;
  streambro_builder *builder = NULL;
  streambro_manager *manager = NULL;
  streambro_events *events = NULL;
  struct pollfd wait = {.fd = -1, .events = POLLIN, .revents = 0};

  if (streambro_builder_parse("{\"v\": 1, \"unlimited\": true, \"monitor_every_ms\": 1000}", &builder, &error) ||
      streambro_builder_build(builder, &manager, &error) ||
      streambro_manager_subscribe(manager, NULL, 4096, &events, &error) || streambro_events_fd(events, &wait.fd, &error))
    status = fail(error);
  streambro_builder_free(builder);

  for (int n = 1; status == 0 && n <= count; n++) {
    char id[65];
    snprintf(id, sizeof id, "%s-%d", argv[4], n);
    if (start(manager, id, argv[2], argv[3], &error)) status = fail(error);
  }

  for (long long left = end - now_ms(); status == 0 && left > 0; left = end - now_ms()) {
    // Whatever else this program waits for stands in the same array.
    if (poll(&wait, 1, (int)left) > 0) live += read_events(events);
  }
  printf("%d of %d went live\n", live, count);

  streambro_manager_shutdown(manager, 5000, NULL);
  streambro_manager_free(manager);
  streambro_events_free(events);
  return status != 0 || live < count;
}
