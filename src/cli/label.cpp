// wattle label: what tells hosts apart, for auctions and placement.

#include <algorithm>

#include "cli/lattice_session.h"

namespace wattle::cli {
namespace {

struct LabelOptions : LatticeOptions {
  std::string host;
  std::vector<std::string> labels;
  bool remove = false;
};

Result<void> put(Lattice& lattice, const lattice::Host& host, const LabelOptions& options) {
  WATTLE_TRY(const auto labels, parse_pairs(options.labels, "a label with its value"));
  for (const auto& [key, value] : labels) WATTLE_CHECK(lattice.control.put_label(host.id, {key, value}));
  return {};
}

Result<void> remove(Lattice& lattice, const lattice::Host& host, const LabelOptions& options) {
  for (const auto& label : options.labels) {
    if (label.find('=') != std::string::npos)
      return failure(Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is not a label's name", label))
                         .with_remedy("with --delete, write the name alone"));
    WATTLE_CHECK(lattice.control.delete_label(host.id, label));
  }
  return {};
}

Result<void> label(Lattice& lattice, const LabelOptions& options, const Output& output) {
  WATTLE_TRY(const auto host, find_host(lattice, options.host));
  WATTLE_CHECK(options.remove ? remove(lattice, host, options) : put(lattice, host, options));
  WATTLE_TRY(const auto now, lattice.control.inventory(host.id));
  if (output.json()) {
    output.line(
        fmt::format(R"({{"host_id":{},"labels":{}}})", json_string(host.id), lattice::to_json(now.labels)));
  } else {
    output.line(fmt::format("host {} has the labels {}", host.friendly_name, join_pairs(now.labels)));
  }
  return {};
}

}  // namespace

void add_label(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("label", "Sets or deletes labels of a host");
  auto options = std::make_shared<LabelOptions>();
  options->add_to(*verb);
  verb->add_option("host", options->host, "The host: its id or its name")->required();
  verb->add_option("labels", options->labels, "KEY=VALUE, or KEY with --delete")->required();
  verb->add_flag("--delete", options->remove, "Delete these labels");
  verb->footer(
      "Examples:\n"
      "  wattle label calm-reed-4821 zone=eu disk=ssd\n"
      "  wattle label calm-reed-4821 disk --delete");
  on_lattice<LabelOptions>(*verb, session, options, label);
}

}  // namespace wattle::cli
