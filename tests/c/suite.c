// What the functions promise, one after the other.
//
//     suite CLIP URL DIR

#define _POSIX_C_SOURCE 200809L

#include <poll.h>

#include "check.h"

static const char *clip, *url, *dir;

static void has(char *json, const char *part) {
  if (strstr(json, part) == NULL) {
    fprintf(stderr, "%s is not in %s\n", part, json);
    exit(1);
  }
  streambro_text_free(json);
}

static void versions_are_those_of_the_header(void) {
  char text[32];
  CHECK(streambro_version_number() == STREAMBRO_VERSION_NUMBER);
  snprintf(text, sizeof text, "%d.%d.%d", STREAMBRO_VERSION_MAJOR, STREAMBRO_VERSION_MINOR, STREAMBRO_VERSION_PATCH);
  CHECK(strcmp(streambro_version(), text) == 0);
}

static void errors_say_what_went_wrong_and_nobody_needs_to_ask(void) {
  streambro_spec *spec = NULL;
  OK(streambro_spec_new("a", &spec, &error));
  streambro_error *error = NULL;
  CHECK(streambro_spec_add_destination(spec, "http://example.com/x", "s3cr3t", &error) == STREAMBRO_RESULT_INVALID_SPEC);
  CHECK(streambro_error_code(error) == STREAMBRO_RESULT_INVALID_SPEC);
  CHECK(strcmp(streambro_error_subject(error), "url") == 0);
  CHECK(strncmp(streambro_error_message(error), "invalid_spec: url: ", 19) == 0);
  CHECK(strstr(streambro_error_message(error), streambro_error_detail(error)) != NULL);
  CHECK(strstr(streambro_error_message(error), "s3cr3t") == NULL);
  streambro_error_free(error);
  CHECK(streambro_spec_add_destination(spec, "http://example.com/x", "k", NULL) == STREAMBRO_RESULT_INVALID_SPEC);
  streambro_spec_free(spec);
  CHECK(streambro_error_code(NULL) == STREAMBRO_RESULT_OK && streambro_error_message(NULL) == NULL);
  CHECK(strcmp(streambro_result_name(STREAMBRO_RESULT_NOT_FOUND), "not_found") == 0);
  CHECK(streambro_result_name(12345) == NULL);
}

static void what_a_caller_gets_wrong_has_a_code_and_changes_no_output(void) {
  streambro_spec *const untouched = (streambro_spec *)(uintptr_t)0x5a5a;
  streambro_spec *spec = untouched;
  FAILS(STREAMBRO_RESULT_INVALID_ARGUMENT, "id", streambro_spec_new(NULL, &spec, &error));
  FAILS(STREAMBRO_RESULT_INVALID_ARGUMENT, "id", streambro_spec_new("\xff\xfe", &spec, &error));
  FAILS(STREAMBRO_RESULT_INVALID_ARGUMENT, "out_spec", streambro_spec_new("a", NULL, &error));
  FAILS(STREAMBRO_RESULT_INVALID_SPEC, "spec", streambro_spec_parse("{", &spec, &error));
  FAILS(STREAMBRO_RESULT_INVALID_SPEC, "spec.v", streambro_spec_parse("{\"v\": 2}", &spec, &error));
  CHECK(spec == untouched);
  OK(streambro_spec_new("a", &spec, &error));
  FAILS(STREAMBRO_RESULT_INVALID_ARGUMENT, "spec", streambro_spec_set_file(NULL, clip, &error));
  FAILS(STREAMBRO_RESULT_INVALID_ARGUMENT, "encoder", streambro_spec_set_encoder(spec, 77, &error));
  FAILS(STREAMBRO_RESULT_INVALID_ARGUMENT, "fps", streambro_spec_set_fps(spec, 30, 0, &error));
  FAILS(STREAMBRO_RESULT_INVALID_ARGUMENT, "unix_ms", streambro_spec_set_start(spec, INT64_MAX, &error));
  char *json = NULL;
  FAILS(STREAMBRO_RESULT_INVALID_SPEC, "source", streambro_spec_json(spec, &json, &error));
  streambro_spec_free(spec);

  streambro_builder *builder = NULL;
  streambro_manager *manager = NULL;
  FAILS(STREAMBRO_RESULT_INVALID_SPEC, "settings.streams", streambro_builder_parse("{\"v\": 1, \"streams\": 3}", &builder, &error));
  OK(streambro_builder_new(&builder, &error));
  FAILS(STREAMBRO_RESULT_INVALID_ARGUMENT, "threads", streambro_builder_set_threads(builder, 0, &error));
  OK(streambro_builder_set_media_root(builder, "/no/such/directory", &error));
  FAILS(STREAMBRO_RESULT_INVALID_SPEC, "media_root", streambro_builder_build(builder, &manager, &error));
  streambro_builder_free(builder);

  manager = new_manager("{\"v\": 1}");
  FAILS(STREAMBRO_RESULT_NOT_FOUND, "nobody", streambro_manager_status(manager, "nobody", &json, &error));
  FAILS(STREAMBRO_RESULT_INVALID_ARGUMENT, "phase", streambro_manager_wait_for(manager, "nobody", 0, 0, &error));
  FAILS(STREAMBRO_RESULT_INVALID_ARGUMENT, "playlist", streambro_manager_playlist(manager, "nobody", 9, &json, &error));
  FAILS(STREAMBRO_RESULT_INVALID_ARGUMENT, "specs", streambro_manager_capacity(manager, NULL, NULL, 3, &json, &error));
  CHECK(json == NULL);
  streambro_manager_free(manager);
}

static void everything_may_be_freed_as_null(void) {
  streambro_builder_free(NULL);
  streambro_error_free(NULL);
  streambro_event_free(NULL);
  streambro_events_free(NULL);
  streambro_manager_free(NULL);
  streambro_preparation_free(NULL);
  streambro_spec_free(NULL);
  streambro_text_free(NULL);
}

static void a_spec_is_what_its_functions_say(void) {
  streambro_spec *spec = NULL;
  char *json = NULL;
  OK(streambro_spec_new("a", &spec, &error));
  OK(streambro_spec_add_item(spec, "one.mp4", &error));
  OK(streambro_spec_add_item(spec, "two.mp4", &error));
  OK(streambro_spec_set_shuffle(spec, 7, &error));
  OK(streambro_spec_set_repeat(spec, 3, &error));
  OK(streambro_spec_set_user(spec, "alice", &error));
  OK(streambro_spec_set_priority(spec, -2, &error));
  OK(streambro_spec_add_destination(spec, "rtmp://127.0.0.1/live", "s3cr3t", &error));
  OK(streambro_spec_set_encoder(spec, STREAMBRO_ENCODER_X264, &error));
  OK(streambro_spec_set_bitrate(spec, 3000000, &error));
  OK(streambro_spec_set_size(spec, 1280, 720, &error));
  OK(streambro_spec_set_fps(spec, 30000, 1001, &error));
  OK(streambro_spec_set_start(spec, 1782900000000, &error));
  OK(streambro_spec_set_duration(spec, 60000, &error));
  OK(streambro_spec_json(spec, &json, &error));
  const char *parts[] = {"\"v\":1",          "\"id\":\"a\"",         "\"two.mp4\"",         "\"times\":3",
                         "\"user\":\"alice\"", "\"priority\":-2",     "\"encoder\":\"x264\"", "\"bitrate\":3000000",
                         "\"width\":1280",   "\"for_ms\":60000",     "2026-07-01T10:00:00Z", "\"key\":\"***\""};
  for (size_t at = 0; at < sizeof parts / sizeof *parts; at++) {
    if (strstr(json, parts[at]) == NULL) {
      fprintf(stderr, "%s is not in %s\n", parts[at], json);
      exit(1);
    }
  }
  CHECK(strstr(json, "s3cr3t") == NULL);
  streambro_text_free(json);
  streambro_spec_free(spec);

  // Keys need not be in JSON.
  const char *text = "{\"v\": 1, \"id\": \"b\", \"source\": {\"file\": \"x.mp4\", \"repeat\": \"forever\"}, \"destinations\": []}";
  OK(streambro_spec_parse(text, &spec, &error));
  OK(streambro_spec_add_destination(spec, "rtmp://127.0.0.1/live", "k", &error));
  OK(streambro_spec_set_end(spec, 1782900000000, &error));
  OK(streambro_spec_json(spec, &json, &error));
  has(json, "\"file\":\"x.mp4\"");
  OK(streambro_spec_set_repeat(spec, 1, &error));
  FAILS(STREAMBRO_RESULT_INVALID_SPEC, "source", streambro_spec_json(spec, &json, &error));
  OK(streambro_spec_set_schedule(spec, "{\"zone\": \"Europe/Berlin\", \"windows\": [{\"from\": \"18:00\", \"until\": \"02:00\"}]}",
                                 &error));
  FAILS(STREAMBRO_RESULT_INVALID_SPEC, "schedule", streambro_spec_set_schedule(spec, "{\"zone\": \"Mars\"}", &error));
  streambro_spec_free(spec);
}

static void files_are_looked_into_without_a_manager(void) {
  char *json = NULL, target[512];
  OK(streambro_probe(clip, &json, &error));
  has(json, "\"video\"");
  FAILS(STREAMBRO_RESULT_SOURCE_UNREADABLE, "/no/such/file", streambro_probe("/no/such/file", &json, &error));
  OK(streambro_command("{\"encoder\": \"x264\"}", "film.mkv", &json, &error));
  has(json, "\"libx264\"");
  OK(streambro_schedule_preview("{\"zone\": \"Europe/Berlin\", \"windows\": [{\"from\": \"02:30\", \"for_ms\": 60000}]}",
                                1774666800000, 2, &json, &error));
  has(json, "the clocks go forward");
  snprintf(target, sizeof target, "%s/out.flv", dir);
  OK(streambro_remux(clip, target, 2, &json, &error));
  has(json, "\"duration_ms\"");
}

static void events_are_pulled(void) {
  streambro_manager *manager = new_manager("{\"v\": 1}");
  streambro_events *events = NULL, *others = NULL;
  streambro_event *event = NULL;
  OK(streambro_manager_subscribe(manager, NULL, 64, &events, &error));
  OK(streambro_manager_subscribe(manager, "another", 64, &others, &error));
  FAILS(STREAMBRO_RESULT_INVALID_SPEC, "id", streambro_manager_subscribe(manager, "a/b", 64, &others, &error));
  CHECK(streambro_events_next(events, 0, &event, NULL) == STREAMBRO_RESULT_TIMEOUT && event == NULL);
  int fd = -1, again = -2;
  OK(streambro_events_fd(events, &fd, &error));
  OK(streambro_events_fd(events, &again, &error));
  CHECK(fd >= 0 && fd == again);
  struct pollfd ready = {.fd = fd, .events = POLLIN, .revents = 0};
  CHECK(poll(&ready, 1, 0) == 0);

  start(manager, "a", clip, url);
  is_live(manager, "a");
  CHECK(poll(&ready, 1, 0) == 1);
  uint64_t last = 0;
  streambro_phase phase = STREAMBRO_PHASE_NONE;
  int saw_leg = 0;
  while (streambro_events_next(events, 0, &event, NULL) == STREAMBRO_RESULT_OK) {
    CHECK(strcmp(streambro_event_stream(event), "a") == 0);
    CHECK(streambro_event_user(event) == NULL);
    CHECK(streambro_event_unix_ms(event) > 1700000000000);
    CHECK(last == 0 || streambro_event_seq(event) > last);
    CHECK(strstr(streambro_event_json(event), "\"v\":1") != NULL);
    last = streambro_event_seq(event);
    saw_leg |= strcmp(streambro_event_type(event), "leg") == 0;
    if (streambro_event_phase(event) != STREAMBRO_PHASE_NONE) {
      CHECK(strcmp(streambro_event_type(event), "phase") == 0 && streambro_event_detail(event) != NULL);
      phase = streambro_event_phase(event);
    }
    streambro_event_free(event);
  }
  CHECK(phase == STREAMBRO_PHASE_LIVE && saw_leg);
  CHECK(poll(&ready, 1, 0) == 0);

  OK(streambro_manager_shutdown(manager, 5000, &error));
  streambro_manager_free(manager);
  // They outlive it: what was there can be read, and then comes the end.
  streambro_result result;
  while ((result = streambro_events_next(events, -1, &event, NULL)) == STREAMBRO_RESULT_OK) {
    phase = streambro_event_phase(event) ? streambro_event_phase(event) : phase;
    streambro_event_free(event);
  }
  CHECK(result == STREAMBRO_RESULT_END && phase == STREAMBRO_PHASE_ENDED);
  CHECK(streambro_events_next(others, -1, &event, NULL) == STREAMBRO_RESULT_END);
  streambro_events_free(events);
  streambro_events_free(others);
}

static void streams_are_wanted_looked_at_and_ended(void) {
  streambro_manager *manager = new_manager("{\"v\": 1, \"monitor_every_ms\": 500}");
  char *json = NULL;
  streambro_phase phase = STREAMBRO_PHASE_NONE;
  start(manager, "a", clip, url);
  start(manager, "a", clip, url);
  streambro_spec *other = new_spec("a", clip, url, "another-key");
  FAILS(STREAMBRO_RESULT_ALREADY_EXISTS, "a", streambro_manager_start(manager, other, &error));
  OK(streambro_manager_replace(manager, other, &error));
  streambro_spec_free(other);
  is_live(manager, "a");
  OK(streambro_manager_phase(manager, "a", &phase, &error));
  CHECK(phase == STREAMBRO_PHASE_LIVE);
  CHECK(streambro_manager_wait_for(manager, "a", STREAMBRO_PHASE_HOLDING, 20, NULL) == STREAMBRO_RESULT_TIMEOUT);
  CHECK(sent(manager, "a") > 0);

  OK(streambro_manager_list(manager, &json, &error));
  has(json, "\"id\":\"a\"");
  OK(streambro_manager_logs(manager, "a", &json, &error));
  has(json, "live");
  OK(streambro_manager_metrics(manager, &json, &error));
  has(json, "# EOF");
  OK(streambro_manager_usage(manager, &json, &error));
  streambro_text_free(json);
  OK(streambro_manager_audit(manager, &json, &error));
  has(json, "\"findings\":[]");
  OK(streambro_manager_doctor(manager, &json, &error));
  has(json, "\"checks\"");

  streambro_spec *next = new_spec("b", clip, url, "b");
  OK(streambro_manager_explain(manager, next, &json, &error));
  has(json, "\"verdict\":{\"type\":\"start\"}");
  const streambro_spec *const mix[] = {next, next};
  const uint32_t weights[] = {1, 3};
  OK(streambro_manager_capacity(manager, mix, weights, 2, &json, &error));
  // How many that are depends on what else this machine does.
  has(json, "\"streams\":");
  OK(streambro_manager_capacity(manager, mix, NULL, 1, &json, &error));
  streambro_text_free(json);
  streambro_spec_free(next);
  char source[600];
  snprintf(source, sizeof source, "{\"file\": \"%s\"}", clip);
  OK(streambro_manager_analyze(manager, source, "rtmps://a.rtmps.youtube.com/live2", &json, &error));
  has(json, "\"findings\"");
  OK(streambro_manager_analyze_for(manager, source, "\"twitch\"", &json, &error));
  has(json, "\"findings\"");

  OK(streambro_manager_stop(manager, "a", &error));
  OK(streambro_manager_wait_for(manager, "a", STREAMBRO_PHASE_ENDED, 20000, &error));
  FAILS(STREAMBRO_RESULT_ENDED, "a", streambro_manager_wait_for(manager, "a", STREAMBRO_PHASE_LIVE, 20000, &error));
  OK(streambro_manager_history(manager, &json, &error));
  has(json, "\"stopped\"");
  start(manager, "c", clip, url);
  size_t count = 0;
  OK(streambro_manager_clear_all(manager, &count, &error));
  CHECK(count >= 1);
  OK(streambro_manager_clear_all(manager, NULL, &error));

  OK(streambro_manager_shutdown(manager, 5000, &error));
  OK(streambro_manager_shutdown(manager, 5000, &error));
  streambro_spec *late = new_spec("late", clip, url, "late");
  FAILS(STREAMBRO_RESULT_CLOSED, "manager", streambro_manager_start(manager, late, &error));
  streambro_spec_free(late);
  streambro_manager_free(manager);
}

static void lists_and_destinations_change_while_they_play(void) {
  streambro_manager *manager = new_manager("{\"v\": 1}");
  streambro_spec *spec = NULL;
  char *json = NULL, edits[700];
  OK(streambro_spec_new("list", &spec, &error));
  OK(streambro_spec_add_item(spec, clip, &error));
  OK(streambro_spec_set_repeat(spec, 0, &error));
  OK(streambro_spec_add_destination(spec, url, "list", &error));
  OK(streambro_manager_start(manager, spec, &error));
  streambro_spec_free(spec);
  is_live(manager, "list");

  uint64_t version = 99;
  snprintf(edits, sizeof edits, "[{\"append\": {\"file\": \"%s\"}}]", clip);
  OK(streambro_manager_playlist(manager, "list", STREAMBRO_PLAYLIST_MAIN, &json, &error));
  long long before = number(json, "version");
  streambro_text_free(json);
  OK(streambro_manager_edit(manager, "list", STREAMBRO_PLAYLIST_MAIN, before, edits, &version, &error));
  CHECK(version == (uint64_t)before + 1);
  FAILS(STREAMBRO_RESULT_CONFLICT, "playlist",
        streambro_manager_edit(manager, "list", STREAMBRO_PLAYLIST_MAIN, before, edits, &version, &error));
  FAILS(STREAMBRO_RESULT_INVALID_SPEC, "edits[0]",
        streambro_manager_edit(manager, "list", STREAMBRO_PLAYLIST_MAIN, -1, "[{\"dance\": 1}]", &version, &error));
  OK(streambro_manager_as_run(manager, "list", STREAMBRO_PLAYLIST_MAIN, &json, &error));
  has(json, clip);

  size_t leg = 0, third = 0;
  OK(streambro_manager_add_destination(manager, "list", url, "second", &leg, &error));
  CHECK(leg == 1);
  char destination[300];
  snprintf(destination, sizeof destination, "{\"url\": \"%s\", \"key\": \"third\"}", url);
  OK(streambro_manager_add_destination_json(manager, "list", destination, &third, &error));
  OK(streambro_manager_enable_destination(manager, "list", leg, false, &error));
  OK(streambro_manager_enable_destination(manager, "list", leg, true, &error));
  OK(streambro_manager_rotate_destination(manager, "list", leg, &error));
  OK(streambro_manager_remove_destination(manager, "list", leg, &error));
  OK(streambro_manager_shutdown(manager, 5000, &error));
  streambro_manager_free(manager);
}

static void schedules_are_kept(void) {
  streambro_manager *manager = new_manager("{\"v\": 1}");
  streambro_spec *spec = new_spec("later", clip, url, "later");
  char *json = NULL;
  streambro_phase phase = STREAMBRO_PHASE_NONE;
  OK(streambro_spec_set_start(spec, 4000000000000, &error));
  OK(streambro_spec_set_duration(spec, 3600000, &error));
  OK(streambro_manager_schedule(manager, spec, &json, &error));
  has(json, "\"start_unix_ms\":4000000000000");
  streambro_spec_free(spec);
  OK(streambro_manager_phase(manager, "later", &phase, &error));
  CHECK(phase == STREAMBRO_PHASE_SCHEDULED);
  OK(streambro_manager_extend(manager, "later", 60000, &json, &error));
  has(json, "\"end_unix_ms\":4000003660000");
  OK(streambro_manager_upcoming(manager, 5, &json, &error));
  has(json, "later");
  bool had = false;
  OK(streambro_manager_clear_end(manager, "later", &had, &error));
  CHECK(had);
  OK(streambro_manager_reschedule(manager, "later", "{\"start\": \"2097-01-01T00:00:00Z\"}", &json, &error));
  has(json, "\"start_unix_ms\":4007836800000");
  OK(streambro_manager_cancel(manager, "later", &error));
  FAILS(STREAMBRO_RESULT_NOT_FOUND, "later", streambro_manager_cancel(manager, "later", &error));
  streambro_manager_free(manager);
}

static void a_user_sees_and_touches_what_is_theirs(void) {
  streambro_manager *manager = new_manager("{\"v\": 1, \"max_streams_per_user\": 1}"), *alice = NULL;
  char *json = NULL;
  OK(streambro_manager_as_user(manager, "alice", &alice, &error));
  start(manager, "host", clip, url);
  start(alice, "mine", clip, url);
  streambro_spec *more = new_spec("more", clip, url, "more");
  FAILS(STREAMBRO_RESULT_LIMIT_REACHED, "alice", streambro_manager_start(alice, more, &error));
  streambro_spec_free(more);
  FAILS(STREAMBRO_RESULT_NOT_FOUND, "host", streambro_manager_stop(alice, "host", &error));
  FAILS(STREAMBRO_RESULT_NOT_ALLOWED, "alice", streambro_manager_shutdown(alice, 1, &error));
  FAILS(STREAMBRO_RESULT_NOT_ALLOWED, "alice", streambro_manager_audit(alice, &json, &error));
  OK(streambro_manager_list(alice, &json, &error));
  CHECK(strstr(json, "\"host\"") == NULL);
  has(json, "\"mine\"");
  streambro_manager_free(alice);
  OK(streambro_manager_shutdown(manager, 5000, &error));
  streambro_manager_free(manager);
}

static void films_are_made_ahead_of_time(void) {
  char settings[700], source[600], *json = NULL;
  snprintf(settings, sizeof settings, "{\"v\": 1, \"renditions\": {\"dir\": \"%s/kept\", \"quota_bytes\": 1000000000}}", dir);
  snprintf(source, sizeof source, "{\"file\": \"%s\"}", clip);
  streambro_manager *manager = new_manager(settings);
  streambro_preparation *preparation = NULL;
  size_t count = 9;
  OK(streambro_manager_prepare(manager, source, "{\"encode\": {\"encoder\": \"x264\", \"size\": {\"width\": 320, \"height\": 180}}}",
                               &preparation, &error));
  OK(streambro_preparation_progress(preparation, &json, &error));
  has(json, "\"stage\"");
  OK(streambro_preparation_wait(preparation, 120000, &json, &error));
  has(json, "\"made\"");
  OK(streambro_preparation_cancel(preparation, &error));
  streambro_preparation_free(preparation);
  OK(streambro_manager_renditions(manager, &json, &error));
  has(json, "\"count\":1");
  OK(streambro_manager_clear_renditions(manager, &count, &error));
  CHECK(count == 1);
  OK(streambro_manager_encoders(manager, &json, &error));
  has(json, "\"x264\"");
  streambro_manager_free(manager);
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  clip = argv[1];
  url = argv[2];
  dir = argv[3];
  versions_are_those_of_the_header();
  errors_say_what_went_wrong_and_nobody_needs_to_ask();
  what_a_caller_gets_wrong_has_a_code_and_changes_no_output();
  everything_may_be_freed_as_null();
  a_spec_is_what_its_functions_say();
  files_are_looked_into_without_a_manager();
  events_are_pulled();
  streams_are_wanted_looked_at_and_ended();
  lists_and_destinations_change_while_they_play();
  schedules_are_kept();
  a_user_sees_and_touches_what_is_theirs();
  films_are_made_ahead_of_time();
  puts("all is as promised");
  return 0;
}
