// What the C tests share.

#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <streambro.h>

// Ends the program unless something holds.
#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);   \
      exit(1);                                                                  \
    }                                                                           \
  } while (0)

// A call that must succeed; its last argument is `&error`.
#define OK(call)                                                                \
  do {                                                                          \
    streambro_error *error = NULL;                                              \
    streambro_result result = (call);                                           \
    if (result != STREAMBRO_RESULT_OK) {                                        \
      fprintf(stderr, "%s:%d: %s: %u %s\n", __FILE__, __LINE__, #call, (unsigned)result, \
              error ? streambro_error_message(error) : "");                     \
      exit(1);                                                                  \
    }                                                                           \
    CHECK(error == NULL);                                                       \
  } while (0)

// A call that must fail with this code, about this.
#define FAILS(code, about, call)                                                \
  do {                                                                          \
    streambro_error *error = NULL;                                              \
    streambro_result result = (call);                                           \
    if (result != (code) || error == NULL || streambro_error_code(error) != (code) || \
        strcmp(streambro_error_subject(error), (about)) != 0) {                 \
      fprintf(stderr, "%s:%d: %s: %u %s\n", __FILE__, __LINE__, #call, (unsigned)result, \
              error ? streambro_error_message(error) : "");                     \
      exit(1);                                                                  \
    }                                                                           \
    streambro_error_free(error);                                                \
  } while (0)

static inline streambro_manager *new_manager(const char *json) {
  streambro_builder *builder = NULL;
  streambro_manager *manager = NULL;
  OK(streambro_builder_parse(json, &builder, &error));
  OK(streambro_builder_build(builder, &manager, &error));
  streambro_builder_free(builder);
  return manager;
}

static inline streambro_spec *new_spec(const char *id, const char *file, const char *url, const char *key) {
  streambro_spec *spec = NULL;
  OK(streambro_spec_new(id, &spec, &error));
  OK(streambro_spec_set_file(spec, file, &error));
  OK(streambro_spec_set_repeat(spec, 0, &error));
  OK(streambro_spec_add_destination(spec, url, key, &error));
  return spec;
}

static inline void start(streambro_manager *manager, const char *id, const char *file, const char *url) {
  streambro_spec *spec = new_spec(id, file, url, id);
  OK(streambro_manager_start(manager, spec, &error));
  streambro_spec_free(spec);
}

static inline void is_live(streambro_manager *manager, const char *id) {
  OK(streambro_manager_wait_for(manager, id, STREAMBRO_PHASE_LIVE, 60000, &error));
}

// The first number behind a name in JSON.
static inline long long number(const char *json, const char *name) {
  char pattern[64];
  snprintf(pattern, sizeof pattern, "\"%s\":", name);
  const char *at = strstr(json, pattern);
  CHECK(at != NULL);
  return atoll(at + strlen(pattern));
}

// What a stream has sent so far.
static inline long long sent(streambro_manager *manager, const char *id) {
  char *json = NULL;
  OK(streambro_manager_status(manager, id, &json, &error));
  long long bytes = number(json, "bytes");
  streambro_text_free(json);
  return bytes;
}

#endif
