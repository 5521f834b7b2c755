// One film, on the air for so long, in C++17.
//
//     live SECONDS FILE URL          the stream key comes from STREAMBRO_KEY

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include <streambro.hpp>

static void tell(const streambro::Event &event) {
  if (event.phase() == STREAMBRO_PHASE_NONE)
    std::cout << event.json() << std::endl;
  else
    std::cout << streambro_phase_name(event.phase()) << (event.detail().empty() ? "" : ": ") << event.detail() << std::endl;
}

int main(int argc, char **argv) {
  const char *key = std::getenv("STREAMBRO_KEY");
  if (argc != 4 || key == nullptr) {
    std::cerr << "usage: STREAMBRO_KEY=... " << argv[0] << " SECONDS FILE URL\n";
    return 2;
  }
  try {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::seconds(std::stoi(argv[1]));

    auto manager = streambro::Builder().max_streams(1).build();
    auto events = manager.subscribe(256);
    manager.start(streambro::Spec("live").file(argv[2]).repeat(0).destination(argv[3], key));

    bool was_live = false;
    for (auto left = end - Clock::now(); left.count() > 0; left = end - Clock::now()) {
      const auto event = events.next(std::chrono::ceil<std::chrono::milliseconds>(left));
      if (!event) break;
      tell(*event);
      was_live |= event->phase() == STREAMBRO_PHASE_LIVE;
    }
    std::cout << manager.status("live") << std::endl;
    manager.shutdown(std::chrono::seconds(5));
    return was_live ? 0 : 1;
  } catch (const streambro::Error &error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
