// Objects, texts and numbers for calls at random. The calls are generated: `static void one(unsigned which)` does one of `CALLS`.

#ifndef RANDOM_H
#define RANDOM_H

#include "check.h"

enum { SLOTS = 4 };

static unsigned long long state;

// A number below another one.
static unsigned pick(unsigned below) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(state >> 33) % below;
}

// How many calls were done, and not refused.
static int done;

static const char *ids[] = {"a", "b", "c"}, *clip, *url, *dir;
static char source[512], *string;
static uint32_t weights[SLOTS] = {1, 0, 7, 2};
static uint64_t room[8];

static inline const char *text(void) {
  const char *all[] = {NULL,
                       "",
                       "a",
                       "b",
                       "a/b",
                       "\xff",
                       "\n",
                       "{}",
                       "[]",
                       "null",
                       "{\"v\": 1}",
                       "{\"v\": 1, \"max_streams\": 3}",
                       "\"copy\"",
                       "\"twitch\"",
                       "[\"skip\"]",
                       "{\"file\": \"x\"}",
                       "{\"windows\": [{\"from\": \"10:00\", \"for_ms\": 1000}]}",
                       "/proc/no/such",
                       clip,
                       url,
                       dir};
  return all[pick(sizeof all / sizeof *all)];
}

static inline long long any_number(void) {
  static const long long all[] = {0, 1, 2, 5, 7, 100, -1, 1782900000000, 4294967295, INT64_MAX, INT64_MIN};
  return all[pick(sizeof all / sizeof *all)];
}

// The objects of a type: one of them or NULL, a place for a new one, and the end of one.
#define POOL(type)                                                                     \
  static streambro_##type *all_##type[SLOTS], *spare_##type;                           \
  static inline streambro_##type *any_streambro_##type(void) {                         \
    for (int tries = 0; tries < 9; tries++) {                                          \
      streambro_##type *found = all_##type[pick(SLOTS)];                               \
      if (found) return found;                                                         \
    }                                                                                  \
    return NULL;                                                                       \
  }                                                                                    \
  static inline streambro_##type **place_streambro_##type(void) {                      \
    unsigned at = pick(SLOTS);                                                         \
    if (!all_##type[at]) return &all_##type[at];                                       \
    streambro_##type##_free(spare_##type);                                             \
    spare_##type = NULL;                                                               \
    return &spare_##type;                                                              \
  }                                                                                    \
  static inline void free_streambro_##type(unsigned at) {                              \
    streambro_##type##_free(all_##type[at]);                                           \
    all_##type[at] = NULL;                                                             \
    streambro_##type##_free(spare_##type);                                             \
    spare_##type = NULL;                                                               \
  }

POOL(builder)
POOL(error)
POOL(event)
POOL(events)
POOL(manager)
POOL(preparation)
POOL(spec)

static inline void free_one(unsigned type, unsigned at) {
  switch (type) {
    case 0: free_streambro_builder(at); break;
    case 1: free_streambro_error(at); break;
    case 2: free_streambro_event(at); break;
    case 3: free_streambro_events(at); break;
    case 4: free_streambro_manager(at); break;
    case 5: free_streambro_preparation(at); break;
    case 6: free_streambro_spec(at); break;
  }
}

static void one(unsigned which, streambro_error *error);

int main(int argc, char **argv) {
  CHECK(argc == 7);
  unsigned calls = (unsigned)atoi(argv[6]);
  state = strtoull(argv[1], NULL, 10);
  clip = argv[3];
  url = argv[4];
  dir = argv[5];
  snprintf(source, sizeof source, "{\"file\": \"%s\"}", clip);
  all_manager[0] = new_manager("{\"v\": 1}");
  for (int at = 0; at < 3; at++) all_spec[at] = new_spec(ids[at], clip, url, ids[at]);
  for (int round = atoi(argv[2]); round > 0; round--) {
    one(pick(calls), NULL);
    streambro_text_free(string);
    string = NULL;
    if (pick(16) == 0) free_one(pick(7), pick(SLOTS));
  }
  for (unsigned type = 0; type < 7; type++)
    for (unsigned at = 0; at < SLOTS; at++) free_one(type, at);
  printf("%d\n", done);
  return 0;
}

#endif
