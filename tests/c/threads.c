// Sixteen threads on one manager: some start and stop streams of their own, some all want the same, some look and listen.
//
//     threads CLIP URL

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>

#include "check.h"

enum { THREADS = 16, ROUNDS = 20 };

static const char *clip, *url;
static streambro_manager *manager;

static void starts_and_stops(int n) {
  char id[32];
  for (int round = 0; round < ROUNDS; round++) {
    snprintf(id, sizeof id, "thread-%d-%d", n, round % 3);
    streambro_spec *spec = new_spec(id, clip, url, id);
    // The one before may still be saying goodbye.
    streambro_result result = streambro_manager_start(manager, spec, NULL);
    CHECK(result == STREAMBRO_RESULT_OK);
    streambro_spec_free(spec);
    OK(streambro_manager_stop(manager, id, &error));
    CHECK(streambro_manager_wait_for(manager, id, STREAMBRO_PHASE_ENDED, 20000, NULL) != STREAMBRO_RESULT_TIMEOUT);
  }
}

static void wants_what_the_others_want(int n) {
  (void)n;
  for (int round = 0; round < ROUNDS; round++) {
    start(manager, "common", clip, url);
    char *json = NULL;
    OK(streambro_manager_status(manager, "common", &json, &error));
    streambro_text_free(json);
  }
}

static void looks(int n) {
  (void)n;
  for (int round = 0; round < ROUNDS * 5; round++) {
    char *json = NULL;
    OK(streambro_manager_list(manager, &json, &error));
    streambro_text_free(json);
    OK(streambro_manager_metrics(manager, &json, &error));
    streambro_text_free(json);
    OK(streambro_manager_history(manager, &json, &error));
    streambro_text_free(json);
    CHECK(streambro_manager_stop(manager, "nobody", NULL) == STREAMBRO_RESULT_NOT_FOUND);
  }
}

static void listens(int n) {
  (void)n;
  streambro_events *events = NULL;
  streambro_event *event = NULL;
  OK(streambro_manager_subscribe(manager, NULL, 8, &events, &error));
  for (int round = 0; round < ROUNDS * 5; round++) {
    streambro_result result = streambro_events_next(events, 20, &event, NULL);
    CHECK(result == STREAMBRO_RESULT_OK || result == STREAMBRO_RESULT_TIMEOUT);
    if (result == STREAMBRO_RESULT_OK) {
      CHECK(strstr(streambro_event_json(event), "\"v\":1") != NULL);
      streambro_event_free(event);
    }
  }
  streambro_events_free(events);
}

static void *thread(void *arg) {
  static void (*const work[])(int) = {starts_and_stops, wants_what_the_others_want, looks, listens};
  int n = *(const int *)arg;
  work[n % 4](n);
  return NULL;
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  clip = argv[1];
  url = argv[2];
  manager = new_manager("{\"v\": 1, \"unlimited\": true}");
  pthread_t threads[THREADS];
  int numbers[THREADS];
  for (int n = 0; n < THREADS; n++) {
    numbers[n] = n;
    CHECK(pthread_create(&threads[n], NULL, thread, &numbers[n]) == 0);
  }
  for (int n = 0; n < THREADS; n++) CHECK(pthread_join(threads[n], NULL) == 0);
  is_live(manager, "common");
  OK(streambro_manager_shutdown(manager, 5000, &error));
  streambro_manager_free(manager);
  printf("%d threads are done\n", THREADS);
  return 0;
}
