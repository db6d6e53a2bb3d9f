// The verbs of `wattle app`, in files of their own: each function adds some of them to `verbs`.
#pragma once

#include "cli/lattice_session.h"
#include "manager/api_client.h"

namespace wattle::cli {

void add_app_validate(CLI::App& verbs, Session& session);  // validate, schema, images
void add_app_change(CLI::App& verbs, Session& session);    // put, deploy, undeploy, rollback, delete
void add_app_show(CLI::App& verbs, Session& session);      // list, get, versions, history, diff
void add_app_status(CLI::App& verbs, Session& session);    // status

// What most of them take.
struct ApplicationOptions : LatticeOptions {
  std::string name;
  std::string version_text;  // empty: none was given

  std::optional<std::string> version() const {
    return version_text.empty() ? std::nullopt : std::optional(version_text);
  }
  void add_to(CLI::App& verb) { LatticeOptions::add_to(verb); }
  void add_name(CLI::App& verb) { verb.add_option("name", name, "The application's name")->required(); }
  void add_version(CLI::App& verb, const std::string& what) {
    verb.add_option("--version", version_text, what)->type_name("VERSION");
  }
};

inline manager::ApiClient manager_of(Lattice& lattice) {
  return manager::ApiClient(lattice.bus, {.lattice = lattice.name});
}

}  // namespace wattle::cli
