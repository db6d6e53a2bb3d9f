// wattle app list, get, versions, history, diff.

#include <boost/json.hpp>

#include "cli/app.h"
#include "cli/app_manifest.h"
#include "cli/table.h"

namespace wattle::cli {
namespace {

namespace api = manager::api;

// A table or that there is nothing, or JSON.
template <class Item>
void show(const Output& output, const Table& table, const std::vector<Item>& items,
          std::string_view nothing) {
  if (!output.json()) return output.line(table.empty() ? nothing : std::string_view(table.text()));
  std::string json;
  for (const Item& item : items) json += (json.empty() ? "" : ",") + api::to_json(item);
  output.line("[" + json + "]");
}

Result<void> list(Lattice& lattice, const LatticeOptions&, const Output& output) {
  WATTLE_TRY(const auto applications, manager_of(lattice).list());
  Table table({"NAME", "DEPLOYED", "NEWEST", "STATUS", "DESCRIPTION"});
  for (const api::Summary& one : applications)
    table.add({one.name, one.deployed_version.value_or(""), one.version,
               std::string(to_string(one.detailed_status.status.kind)), one.description.value_or("")});
  show(output, table, applications,
       fmt::format("There are no applications in the lattice \"{}\".", lattice.name));
  return {};
}

Result<void> get(Lattice& lattice, const ApplicationOptions& options, const Output& output) {
  WATTLE_TRY(const auto answer, manager_of(lattice).get(options.name, options.version()));
  if (output.json() || !answer.text) {
    output.line(boost::json::serialize(answer.manifest.value_or(boost::json::object())));
    return {};
  }
  std::string_view text = *answer.text;
  if (text.ends_with('\n')) text.remove_suffix(1);  // the line's end
  output.line(text);
  return {};
}

Result<void> versions(Lattice& lattice, const ApplicationOptions& options, const Output& output) {
  WATTLE_TRY(const auto found, manager_of(lattice).versions(options.name));
  Table table({"VERSION", "DEPLOYED", "CREATED", "DESCRIPTION"});
  for (const api::VersionAnswer& one : found)
    table.add(
        {one.version, one.deployed ? "yes" : "", one.created.value_or(""), one.description.value_or("")});
  show(output, table, found, "");
  return {};
}

Result<void> history(Lattice& lattice, const ApplicationOptions& options, const Output& output) {
  WATTLE_TRY(const auto found, manager_of(lattice).history(options.name));
  Table table({"AT", "WHAT", "VERSION", "WHY"});
  for (const manager::HistoryEntry& one : found) table.add({one.at, one.what, one.version, one.why});
  show(output, table, found, fmt::format("Nothing has happened to {} yet.", options.name));
  return {};
}

std::string_view mark_of(const api::Difference& difference) {
  if (difference.kind == "add") return "+";
  return difference.kind == "remove" ? "-" : "~";
}

void show_differences(const Output& output, const std::string& name, const api::DiffAnswer& answer) {
  if (output.json()) return output.line(api::to_json(answer));
  if (answer.differences.empty()) return output.line(fmt::format("{}: nothing would change", name));
  for (const api::Difference& one : answer.differences)
    output.line(printable(
        fmt::format("{} {}{}{}", mark_of(one), one.object, one.detail.empty() ? "" : ": ", one.detail)));
}

// Whether anything would change.
Result<bool> diff(Lattice& lattice, const ApplicationOptions& options, const Output& output) {
  manager::ApiClient manager = manager_of(lattice);
  if (!is_manifest_file(options.name)) {
    WATTLE_TRY(const auto answer, manager.diff(options.name, options.version()));
    show_differences(output, options.name, answer);
    return !answer.differences.empty();
  }
  WATTLE_TRY(const auto table, manager.images());
  WATTLE_TRY(const auto manifests, manifests_to_put({options.name}, table, digest_of_file, output));
  bool any = false;
  for (const ManifestText& manifest : manifests) {
    manager::Problems problems;
    const auto answer = manager.diff_manifest(manifest.name, manifest.text, &problems);
    if (!answer) return failure(refusal_in_file(manifest, problems, answer.error()));
    show_differences(output, manifest.name, *answer);
    any = any || !answer->differences.empty();
  }
  return any;
}

// The exit code, as that of diff(1).
int diff_or_tell(const Session& session, const ApplicationOptions& options, const Output& output) {
  bool any = false;
  auto done = run_on_lattice(session, options, output, [&](Lattice& lattice) -> Result<void> {
    WATTLE_TRY(any, diff(lattice, options, output));
    return {};
  });
  // What was not written whole is no answer.
  if (done) done = output.finish();
  if (done) return any ? kExitDiffers : kExitSuccess;
  output.error(done.error());
  return exit_code(done.error());
}

void add_diff(CLI::App& verbs, Session& session) {
  auto* verb = verbs.add_subcommand("diff", "Shows what a deploy would change, on hosts, before it does");
  auto options = std::make_shared<ApplicationOptions>();
  options->add_to(*verb);
  verb->add_option("application", options->name,
                   "The application's name; or a manifest's file: what has a dot or a slash, or -")
      ->required();
  options->add_version(*verb, "Which version; otherwise the newest");
  verb->footer(
      "Exit codes: 0 when nothing would change, 1 when something would, above 1 for an error.\n"
      "Examples:\n  wattle app diff shop.yaml\n  wattle app diff shop --version 1.1.0");
  verb->callback([&session, options] {
    session.verb = [&session, options](const Output& output) {
      return diff_or_tell(session, *options, output);
    };
  });
}

std::shared_ptr<ApplicationOptions> add_one(CLI::App& verbs, Session& session, const std::string& name,
                                            const std::string& what,
                                            Result<void> (*work)(Lattice&, const ApplicationOptions&,
                                                                 const Output&)) {
  auto* verb = verbs.add_subcommand(name, what);
  auto options = std::make_shared<ApplicationOptions>();
  options->add_to(*verb);
  verb->footer(fmt::format("Examples:\n  wattle app {0} shop\n  wattle app {0} shop -o json", name));
  on_lattice<ApplicationOptions>(*verb, session, options, work);
  return options;
}

}  // namespace

void add_app_show(CLI::App& verbs, Session& session) {
  auto* verb = verbs.add_subcommand("list", "Lists applications");
  auto listing = std::make_shared<LatticeOptions>();
  listing->add_to(*verb);
  verb->footer("Examples:\n  wattle app list\n  wattle app list -o json");
  on_lattice<LatticeOptions>(*verb, session, listing, list);

  const auto getting = add_one(verbs, session, "get", "Prints a manifest as it was put", get);
  getting->add_name(*verbs.get_subcommand("get"));
  getting->add_version(*verbs.get_subcommand("get"), "Which version; otherwise the newest");
  add_one(verbs, session, "versions", "Lists an application's versions", versions)
      ->add_name(*verbs.get_subcommand("versions"));
  add_one(verbs, session, "history", "Tells what was done to an application, and why", history)
      ->add_name(*verbs.get_subcommand("history"));
  add_diff(verbs, session);
}

}  // namespace wattle::cli
