// A stream that must go on whatever is done beside it.

#ifndef BESIDE_H
#define BESIDE_H

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static streambro_manager *manager;

// One of everything else.
static streambro_builder *builder;
static streambro_spec *spec;
static streambro_events *events;
static streambro_event *event;
static streambro_error *failure;
static streambro_preparation *preparation;
static char *string;

// Puts it on the air: of `CLIP URL`.
static inline void begin(int argc, char **argv) {
  CHECK(argc == 3);
  manager = new_manager("{\"v\": 1}");
  OK(streambro_manager_subscribe(manager, NULL, 64, &events, &error));
  spec = new_spec("beside", argv[1], argv[2], "beside");
  OK(streambro_spec_set_user(spec, "alice", &error));
  OK(streambro_manager_start(manager, spec, &error));
  is_live(manager, "beside");
  // The one that says so.
  while (streambro_event_phase(event) != STREAMBRO_PHASE_LIVE) {
    streambro_event_free(event);
    event = NULL;
    OK(streambro_events_next(events, 0, &event, &error));
  }
  OK(streambro_builder_new(&builder, &error));
  OK(streambro_spec_json(spec, &string, &error));
  CHECK(streambro_manager_stop(manager, "nobody", &failure) == STREAMBRO_RESULT_NOT_FOUND);
}

// Sees that it still sends, and ends it.
static inline int end(void) {
  long long before = sent(manager, "beside");
  struct timespec pause = {0, 100000000};
  for (int n = 0; n < 100 && sent(manager, "beside") <= before; n++) nanosleep(&pause, NULL);
  CHECK(sent(manager, "beside") > before);
  OK(streambro_manager_shutdown(manager, 5000, &error));
  streambro_manager_free(manager);
  streambro_builder_free(builder);
  streambro_spec_free(spec);
  streambro_events_free(events);
  streambro_event_free(event);
  streambro_error_free(failure);
  streambro_preparation_free(preparation);
  streambro_text_free(string);
  puts("the stream beside goes on");
  return 0;
}

#endif
