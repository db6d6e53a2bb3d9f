// wattle-conformance DIR...: runs scripts of the component-model conformance format and says what passed.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <set>

#include "engine/engine.h"
#include "runner.h"

namespace {

using namespace wattle::conformance;

std::string skipped_text(const Tally& tally) {
  if (tally.skipped.empty()) return "0";
  std::string reasons;
  for (const auto& [reason, count] : tally.skipped)
    reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", count, reason);
  return fmt::format("{} ({})", tally.skipped_count(), reasons);
}

void print(const std::string& name, const Tally& tally) {
  fmt::print("{:<60} {:>5} passed {:>4} failed {:>4} skipped\n", name, tally.passed, tally.failed,
             skipped_text(tally));
}

// Lines "SUITE/FILE:LINE reason", comments with #.
std::set<std::string> read_exceptions(const std::string& path) {
  std::set<std::string> exceptions;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::string place = line.substr(0, line.find(' '));
    if (!place.empty() && place[0] != '#') exceptions.insert(place);
  }
  return exceptions;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Runs component-model conformance scripts: exit code 1 if anything fails");
  std::vector<std::string> folders;
  std::string exceptions_path;
  bool verbose = false;
  app.add_option("DIR", folders, "Folders with scripts in the conformance format, or single scripts")
      ->required();
  app.add_option("--exceptions", exceptions_path, "Failures that are known and explained: they do not count");
  app.add_flag("-v,--verbose", verbose, "Show each failure: line, expected text, what came instead");
  CLI11_PARSE(app, argc, argv);

  if (auto started = wattle::engine::start({}); !started) {
    fmt::print(stderr, "wattle-conformance: {}\n", started.error().full_message());
    return 2;
  }
  const auto exceptions = read_exceptions(exceptions_path);
  const auto executor = make_executor();
  Tally total;
  uint32_t excused = 0;
  for (const std::string& folder : folders) {
    const auto scripts = find_scripts(folder);
    if (!scripts) {
      fmt::print(stderr, "wattle-conformance: {}\n", scripts.error().full_message());
      return 2;
    }
    const std::string suite = std::filesystem::weakly_canonical(folder).filename().string();
    Runner runner(wattle::engine::Module::validate, executor.get(),
                  [&](const Script& script, const Command& command, const std::string& reason) {
                    const bool known =
                        exceptions.contains(fmt::format("{}/{}:{}", suite, script.name, command.line));
                    if (known) excused += 1;
                    if (verbose)
                      fmt::print("{}:{}: {} \"{}\"{}: {}\n", script.name, command.line, command.type,
                                 command.text, known ? " (known exception)" : "", reason);
                  });
    for (const Script& script : *scripts) {
      const Tally tally = runner.run(script);
      print(fmt::format("{} [{}]", script.name, script.feature_class), tally);
      total.add(tally);
    }
  }
  print("total", total);
  if (excused != 0) fmt::print("{} of the failures are known exceptions\n", excused);
  return total.failed > excused ? 1 : 0;
}
