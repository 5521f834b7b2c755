// One film, on the air until Ctrl-C: the shortest program that does everything right.
//
//     live FILE URL          the stream key comes from STREAMBRO_KEY

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <streambro.h>

static volatile sig_atomic_t interrupted;

static void interrupt(int signal) {
  (void)signal;
  interrupted = 1;
}

static int fail(streambro_error *error) {
  fprintf(stderr, "%s\n", streambro_error_message(error));
  streambro_error_free(error);
  return 1;
}

static int put_on_the_air(streambro_manager *manager, const char *file, const char *url, const char *key,
                          streambro_error **error) {
  streambro_spec *spec = NULL;
  int failed = streambro_spec_new("live", &spec, error) || streambro_spec_set_file(spec, file, error) ||
               streambro_spec_set_repeat(spec, 0, error) || streambro_spec_add_destination(spec, url, key, error) ||
               streambro_manager_start(manager, spec, error);
  streambro_spec_free(spec);
  return failed;
}

static void tell(const streambro_event *event) {
  streambro_phase phase = streambro_event_phase(event);
  const char *detail = streambro_event_detail(event);
  if (phase == STREAMBRO_PHASE_NONE)
    puts(streambro_event_json(event));
  else if (detail && *detail)
    printf("%s: %s\n", streambro_phase_name(phase), detail);
  else
    puts(streambro_phase_name(phase));
  fflush(stdout);
}

int main(int argc, char **argv) {
  const char *key = getenv("STREAMBRO_KEY");
  if (argc != 3 || key == NULL) {
    fprintf(stderr, "usage: STREAMBRO_KEY=... %s FILE URL\n", argv[0]);
    return 2;
  }
  signal(SIGINT, interrupt);
  signal(SIGTERM, interrupt);

  streambro_error *error = NULL;
  streambro_builder *builder = NULL;
  streambro_manager *manager = NULL;
  streambro_events *events = NULL;
  if (streambro_builder_new(&builder, &error)) return fail(error);
  streambro_result built = streambro_builder_build(builder, &manager, &error);
  streambro_builder_free(builder);
  if (built) return fail(error);

  int status = 0, over = 0;
  if (streambro_manager_subscribe(manager, NULL, 256, &events, &error) ||
      put_on_the_air(manager, argv[1], argv[2], key, &error))
    status = fail(error);

  while (status == 0 && !over && !interrupted) {
    streambro_event *event = NULL;
    switch (streambro_events_next(events, 500, &event, &error)) {
      case STREAMBRO_RESULT_OK:
        tell(event);
        over = streambro_event_phase(event) == STREAMBRO_PHASE_ENDED;
        streambro_event_free(event);
        break;
      case STREAMBRO_RESULT_TIMEOUT:
        break;
      default:
        status = fail(error);
    }
  }

  // It plays for ever: if it has ended by itself, something was wrong with it.
  if (over) status = 1;
  streambro_manager_shutdown(manager, 5000, NULL);
  streambro_manager_free(manager);
  streambro_events_free(events);
  return status;
}
