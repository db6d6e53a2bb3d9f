// wattle app put, deploy, undeploy, rollback, delete.

#include "base/parse.h"
#include "cli/app.h"
#include "cli/app_manifest.h"
#include "cli/application_wait.h"
#include "cli/table.h"
#include "manager/api_types.h"

namespace wattle::cli {
namespace {

struct PutOptions : LatticeOptions {
  std::vector<std::string> files;
};

struct ChangeOptions : ApplicationOptions {
  bool force = false;
  bool wait = false;
  std::string timeout = "60s";

  void add_force(CLI::App& verb,
                 const std::string& what = "Also while other applications use what it shares") {
    verb.add_flag("--force", force, what);
  }
  void add_wait(CLI::App& verb, const std::string& what) {
    verb.add_flag("--wait", wait, what);
    verb.add_option("--timeout", timeout, "How long to wait")->type_name("DURATION")->capture_default_str();
  }
};

template <class Answer>
void tell(const Output& output, const Answer& answer) {
  output.line(output.json() ? manager::api::to_json(answer) : printable(answer.message));
}

Result<manager::api::PutAnswer> put_one(manager::ApiClient& manager, const ManifestText& manifest) {
  manager::Problems problems;
  auto answer = manager.put(manifest.text, &problems);
  if (answer) return answer;
  return failure(
      refusal_in_file(manifest, problems, answer.error())
          .with_context(fmt::format("\"{}\" of {} cannot be put", manifest.name, printable(manifest.file))));
}

// A manifest that was put just now.
Result<manager::api::DeployAnswer> deploy_one(manager::ApiClient& manager, const ManifestText& manifest,
                                              const std::string& version, bool force) {
  manager::Problems problems;
  auto answer = manager.deploy(manifest.name, version, force, &problems);
  if (answer || !problems.any_errors()) return answer;
  return failure(refusal_in_file(manifest, problems, answer.error())
                     .with_context(fmt::format("\"{}\" of {} is put, but cannot be deployed", manifest.name,
                                               printable(manifest.file))));
}

Result<void> put(Lattice& lattice, const PutOptions& options, const Output& output) {
  manager::ApiClient manager = manager_of(lattice);
  WATTLE_TRY(const auto table, manager.images());
  WATTLE_TRY(const auto manifests, manifests_to_put(options.files, table, put_into(lattice, output), output));
  for (const ManifestText& manifest : manifests) {
    WATTLE_TRY(const auto answer, put_one(manager, manifest));
    tell(output, answer);
  }
  return {};
}

// What is waited for while it happens: the end of `change`, which returns the version that is to be.
Result<void> change_and_wait(Lattice& lattice, const ChangeOptions& options, const Output& output,
                             const std::string& name, Duration timeout,
                             const std::function<Result<manager::api::DeployAnswer>()>& change) {
  std::unique_ptr<ApplicationWait> wait;
  if (options.wait) {
    WATTLE_TRY(wait, ApplicationWait::begin(lattice, name, output));
  }
  WATTLE_TRY(auto answer, change());
  if (!options.wait) return tell(output, answer), Result<void>();
  const std::string version = answer.version.value_or("");
  if (!output.json()) output.line(printable(answer.message));
  WATTLE_TRY(const auto status, wait->until_deployed(version, timeout));
  if (!output.json())
    return output.line(printable(fmt::format("{} {} is deployed", name, version))), Result<void>();
  manager::api::StatusAnswer told;
  told.result = manager::api::result::kOk;
  told.message = fmt::format("{} {} is deployed", name, version);
  told.status = status;
  told.deployed_version = version;
  output.line(manager::api::to_json(told));
  return {};
}

Result<void> deploy(Lattice& lattice, const ChangeOptions& options, const Output& output) {
  WATTLE_TRY(const Duration timeout, parse_duration(options.timeout));
  manager::ApiClient manager = manager_of(lattice);
  if (!is_manifest_file(options.name))
    return change_and_wait(lattice, options, output, options.name, timeout,
                           [&] { return manager.deploy(options.name, options.version(), options.force); });
  if (options.version())
    return failure(Error(ErrorCode::invalid_argument, "a file says its version itself")
                       .with_remedy("leave --version out"));
  WATTLE_TRY(const auto table, manager.images());
  WATTLE_TRY(const auto manifests,
             manifests_to_put({options.name}, table, put_into(lattice, output), output));
  for (const ManifestText& manifest : manifests) {
    WATTLE_TRY(const auto put, put_one(manager, manifest));
    WATTLE_CHECK(change_and_wait(lattice, options, output, manifest.name, timeout, [&] {
      return deploy_one(manager, manifest, put.current_version, options.force);
    }));
  }
  return {};
}

Result<void> undeploy(Lattice& lattice, const ChangeOptions& options, const Output& output) {
  WATTLE_TRY(const Duration timeout, parse_duration(options.timeout));
  manager::ApiClient manager = manager_of(lattice);
  std::unique_ptr<ApplicationWait> wait;
  if (options.wait) {
    WATTLE_TRY(wait, ApplicationWait::begin(lattice, options.name, output));
  }
  WATTLE_TRY(auto answer, manager.undeploy(options.name, options.force));
  if (wait != nullptr) {
    if (!output.json()) output.line(printable(answer.message));
    WATTLE_CHECK(wait->until_undeployed(timeout));
    answer.message = fmt::format("{} is undeployed", options.name);
  }
  tell(output, answer);
  return {};
}

Result<void> roll_back(Lattice& lattice, const ChangeOptions& options, const Output& output) {
  WATTLE_TRY(const Duration timeout, parse_duration(options.timeout));
  manager::ApiClient manager = manager_of(lattice);
  return change_and_wait(lattice, options, output, options.name, timeout,
                         [&] { return manager.roll_back(options.name, options.version(), options.force); });
}

Result<void> remove(Lattice& lattice, const ChangeOptions& options, const Output& output) {
  manager::ApiClient manager = manager_of(lattice);
  WATTLE_TRY(const auto answer, manager.remove(options.name, options.version(), options.force));
  if (answer.result == manager::api::result::kNoop)
    return failure(
        Error(ErrorCode::not_found, answer.message).with_remedy("\"wattle app list\" names what there is"));
  tell(output, answer);
  return {};
}

}  // namespace

void add_app_change(CLI::App& verbs, Session& session) {
  auto* verb = verbs.add_subcommand("put", "Puts manifests into the lattice, without deploying them");
  auto putting = std::make_shared<PutOptions>();
  putting->add_to(*verb);
  verb->add_option("file", putting->files, "OAM applications or Workloads; - is standard input")
      ->required()
      ->expected(1, kManifestFilesMax);
  verb->footer("Examples:\n  wattle app put shop.yaml platform.yaml\n  wattle app put - < shop.yaml");
  on_lattice<PutOptions>(*verb, session, putting, put);

  verb = verbs.add_subcommand("deploy", "Deploys a version of an application, or puts a file and deploys it");
  auto deploying = std::make_shared<ChangeOptions>();
  deploying->add_to(*verb);
  verb->add_option("application", deploying->name,
                   "The application's name; or a manifest's file: what has a dot or a slash, or - ")
      ->required();
  deploying->add_version(*verb, "Which version; otherwise the newest");
  deploying->add_force(*verb, "Also where other applications use what this version does not share");
  deploying->add_wait(*verb, "Until everything is ready, telling each object as it changes");
  verb->footer("Examples:\n  wattle app deploy shop.yaml --wait\n  wattle app deploy shop --version 1.2.0");
  on_lattice<ChangeOptions>(*verb, session, deploying, deploy);

  verb = verbs.add_subcommand("undeploy", "Takes an application down; its versions stay");
  auto undeploying = std::make_shared<ChangeOptions>();
  undeploying->add_to(*verb);
  undeploying->add_name(*verb);
  undeploying->add_force(*verb);
  undeploying->add_wait(*verb, "Until nothing of it is there any more");
  verb->footer("Example:\n  wattle app undeploy shop --wait");
  on_lattice<ChangeOptions>(*verb, session, undeploying, undeploy);

  verb = verbs.add_subcommand("rollback", "Deploys the version that was deployed before");
  auto back = std::make_shared<ChangeOptions>();
  back->add_to(*verb);
  back->add_name(*verb);
  back->add_version(*verb, "Which version instead");
  back->add_force(*verb, "Also where other applications use what that version does not share");
  back->add_wait(*verb, "Until everything is ready, telling each object as it changes");
  verb->footer("Examples:\n  wattle app rollback shop --wait\n  wattle app rollback shop --version 1.1.0");
  on_lattice<ChangeOptions>(*verb, session, back, roll_back);

  verb = verbs.add_subcommand("delete",
                              "Deletes an application, or one version; what is deployed is taken down");
  auto removing = std::make_shared<ChangeOptions>();
  removing->add_to(*verb);
  removing->add_name(*verb);
  removing->add_version(*verb, "Only this version");
  removing->add_force(*verb);
  verb->footer("Examples:\n  wattle app delete shop\n  wattle app delete shop --version 1.0.0");
  on_lattice<ChangeOptions>(*verb, session, removing, remove);
}

}  // namespace wattle::cli
