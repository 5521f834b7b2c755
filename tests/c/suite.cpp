// What the C++ wrapper promises beyond the functions beneath it.
//
//     suite CLIP URL

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include <streambro.hpp>

#define CHECK(condition)                                                              \
  do {                                                                                \
    if (!(condition)) {                                                               \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
      std::exit(1);                                                                   \
    }                                                                                 \
  } while (0)

template <class Function>
static streambro::Error fails(streambro_result code, Function function) {
  try {
    function();
  } catch (const streambro::Error &error) {
    CHECK(error.code() == code);
    return error;
  }
  std::fprintf(stderr, "it did not fail with %u\n", static_cast<unsigned>(code));
  std::exit(1);
}

static bool has(const std::string &text, const char *part) { return text.find(part) != std::string::npos; }

int main(int argc, char **argv) {
  CHECK(argc == 3);
  const std::string clip = argv[1], url = argv[2];
  using std::chrono::milliseconds;
  using std::chrono::seconds;

  // A setter's value is the spec, which lives as long as one of them.
  auto spec = streambro::Spec("film").file(clip).repeat(0).user("alice").size(640, 360).fps(30000, 1001);
  CHECK(has(spec.json(), "\"width\":640,\"height\":360") && has(spec.json(), "30000/1001"));
  const auto error = fails(STREAMBRO_RESULT_INVALID_SPEC, [&] { spec.destination("http://a/b", "s3cr3t"); });
  CHECK(error.subject() == "url" && has(error.what(), error.detail().c_str()) && !has(error.what(), "s3cr3t"));

  auto manager = streambro::Builder().max_streams(3).max_streams_per_user(1).build();
  auto events = manager.subscribe_to("film", 64);
  CHECK(!events.next(milliseconds(0)) && !events.is_over());
  manager.start(streambro::Spec("film").file(clip).repeat(0).user("alice").destination(url, "film"));
  CHECK(manager.wait_for("film", STREAMBRO_PHASE_LIVE, seconds(60)));
  CHECK(!manager.wait_for("film", STREAMBRO_PHASE_HOLDING, milliseconds(10)));
  CHECK(manager.phase("film") == STREAMBRO_PHASE_LIVE && streambro::phase_name(manager.phase("film")) == "live");
  fails(STREAMBRO_RESULT_NOT_FOUND, [&] { manager.status("nobody"); });

  auto alice = manager.as_user("alice");
  CHECK(has(alice.list(), "\"film\""));
  fails(STREAMBRO_RESULT_NOT_ALLOWED, [&] { alice.audit(); });
  const auto other = streambro::Spec("other").file(clip).destination(url, "other");
  CHECK(has(manager.capacity({{&other, 2}}), "\"streams\""));
  CHECK(manager.add_destination("film", url, "second") == 1);
  manager.enable_destination("film", 1, false);
  manager.remove_destination("film", 1);
  CHECK(has(manager.schedule(streambro::Spec("later").file(clip).destination(url, "later").start(4000000000000)),
            "4000000000000"));
  CHECK(!manager.clear_end("later"));
  manager.cancel("later");

  // What runs has one owner. What was moved away answers, and crashes nobody.
  auto owner = std::move(manager);
  fails(STREAMBRO_RESULT_INVALID_ARGUMENT, [&] { manager.stop("film"); });  // NOLINT(bugprone-use-after-move)
  owner.stop("film");
  CHECK(owner.wait_for("film", STREAMBRO_PHASE_ENDED, seconds(30)));
  // Below zero there is no grace.
  owner.shutdown(seconds(-5));

  bool live = false, ended = false;
  while (const auto event = events.next()) {
    CHECK(event->stream() == "film" && event->user() == "alice" && event->seq() + 1 > 0);
    live |= event->phase() == STREAMBRO_PHASE_LIVE;
    ended |= event->phase() == STREAMBRO_PHASE_ENDED;
  }
  CHECK(events.is_over() && live && ended);
  CHECK(has(streambro::probe(clip), "\"video\"") && has(streambro::host(), "\"cpus\""));
  CHECK(!streambro::reason_remedy("bad_key").empty() && streambro::reason_meaning("nonsense").empty());
  CHECK(has(streambro::platform("\"youtube\""), "bitrate"));
  std::puts("all is as promised");
  return 0;
}
