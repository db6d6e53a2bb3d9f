// What the verbs that speak to a lattice share: the options that say which, the connection, and a fiber to
// work on.
//
//   struct LabelOptions : LatticeOptions { std::string host; };
//   auto options = std::make_shared<LabelOptions>();
//   options->add_to(*verb);
//   on_lattice<LabelOptions>(*verb, session, options, label);   // Result<void> label(Lattice&, options,
//   output)
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "async/offload.h"
#include "cli/lattice_connection.h"
#include "cli/session.h"
#include "lattice/control_client.h"
#include "lattice/names.h"
#include "lattice/nats_bus.h"

namespace wattle::cli {

struct LatticeOptions {
  std::string lattice{lattice::kDefaultLattice};
  std::string nats_url;          // empty: see find_connection()
  std::string credentials_file;  // empty: likewise

  void add_to(CLI::App& verb);
};

// Connected, for as long as the verb works.
struct Lattice {
  std::string name;
  lattice::NatsBus& bus;
  lattice::ControlClient& control;
  async::OffloadPool& blocking;
  const Connection& connection;
};

// Connects, then runs `work` on a fiber without a deadline of its own. Refused: permission_denied,
// unavailable (with what to start) and what `work` refuses.
Result<void> run_on_lattice(const Session& session, const LatticeOptions& options, const Output& output,
                            const std::function<Result<void>(Lattice&)>& work);

// Has `verb` run `work`, when it is parsed, with these options.
template <class Options>
void on_lattice(CLI::App& verb, Session& session, std::shared_ptr<Options> options,
                Result<void> (*work)(Lattice&, const Options&, const Output&)) {
  verb.callback([&session, options, work] {
    session.verb = [&session, options, work](const Output& output) {
      const auto done = run_on_lattice(session, *options, output,
                                       [&](Lattice& lattice) { return work(lattice, *options, output); });
      if (done) return kExitSuccess;
      output.error(done.error());
      return exit_code(done.error());
    };
  });
}

// A host by its id, its friendly name, or a beginning of its id that fits one alone. Refused: not_found,
// invalid_argument (several fit), and as ControlClient::hosts.
Result<lattice::Host> find_host(Lattice& lattice, const std::string& text);

// What every host that answers runs, by friendly name.
Result<std::vector<lattice::HostInventory>> inventories(Lattice& lattice);

// Of all configs, sorted; as old as the bucket that mirrors them.
Result<std::vector<std::string>> config_names(Lattice& lattice);

// "NAME=VALUE" words as a map. Refused (invalid_argument): a word without "=", an empty or repeated name;
// `what` says what the words are, for example "a label".
Result<lattice::StringMap> parse_pairs(const std::vector<std::string>& words, std::string_view what);
// "a=1,b=2"
std::string join_pairs(const lattice::StringMap& pairs);

}  // namespace wattle::cli
