// wattle app: applications as manifests declare them.

#include "cli/app.h"

namespace wattle::cli {

void add_app(CLI::App& app, Session& session) {
  auto* verbs = app.add_subcommand("app", "Deploys applications, and shows how they do");
  verbs->require_subcommand(1);
  verbs->footer("Examples:\n  wattle app deploy shop.yaml --wait\n  wattle app status shop --watch");
  add_app_change(*verbs, session);
  add_app_status(*verbs, session);
  add_app_show(*verbs, session);
  add_app_validate(*verbs, session);
}

}  // namespace wattle::cli
