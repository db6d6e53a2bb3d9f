// What the verbs that start, scale, update and stop share: images, the host to do it, and the end of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/lattice_session.h"
#include "cli/outcome.h"

namespace wattle::cli {

struct WaitOptions : LatticeOptions {
  std::string timeout = "30s";
  bool no_wait = false;

  void add_to(CLI::App& verb);
};

// The reference under which hosts find an image: itself with a scheme ("file://", "builtin://"); a path is
// read, and published on the bus. Refused: as read_file and host::Images::publish.
Result<std::string> image_reference(Lattice& lattice, const std::string& image);

// Where something runs.
struct Place {
  std::string host_id;
  std::string host_name;
  std::string image;
};
enum class Kind : uint8_t { component, provider };
// Where this id runs: on `host` (an id or a name), if one is given, else everywhere. Refused: not_found when
// nowhere.
Result<std::vector<Place>> places_of(Lattice& lattice, Kind kind, const std::string& id,
                                     const std::string& host);

// --idle-after: as ScaleComponent says it; empty: not said.
void add_idle_after(CLI::App& verb, std::string& text);
Result<std::optional<uint64_t>> idle_after_ms(const std::string& text);

// The host with the least on it. Precondition: there are some.
Result<std::string> least_loaded(Lattice& lattice, const std::vector<std::string>& host_ids);

// Sends a command (`send` returns the host's message), waits for its end unless the options say not to, and
// tells: text, or a JSON object of `fields` with what was done as "result".
struct Told {
  std::string text;    // "component shop started on calm-reed-4821"
  std::string result;  // "started"
  std::vector<std::pair<std::string, std::string>> fields;
};
Result<void> carry_out(Lattice& lattice, const WaitOptions& options, const Output& output,
                       const std::function<Result<std::string>()>& send, const Awaited& awaited,
                       const Told& told);

}  // namespace wattle::cli
