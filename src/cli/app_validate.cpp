// wattle app validate, schema, images: manifests before anybody puts them.

#include <boost/json.hpp>
#include <filesystem>
#include <set>

#include "cli/app.h"
#include "cli/app_manifest.h"
#include "manager/check.h"
#include "manager/read.h"
#include "manager/schema.h"

namespace wattle::cli {
namespace {

namespace json = boost::json;

struct AppOptions {
  std::vector<std::string> files;
  std::string images;  // empty: wattle's own table
};

struct ImagesOptions : LatticeOptions {
  std::string images;  // empty: wattle's own table
  bool of_manager = false;
};

struct ManifestFile {
  std::string path;
  manager::Problems problems{};
  size_t begin = 0;  // its applications, among those of all files
  size_t end = 0;
};

// Files beside the manifest are looked for here, where it is; every other image is for hosts to find.
void check_files(const manager::Application& application, ManifestFile& file) {
  const auto folder = std::filesystem::path(file.path).parent_path();
  for (const manager::Part& part : application.parts) {
    std::error_code unreadable;
    const auto path = (folder / part.image).lexically_normal();
    if (manager::is_file(part.image) && !std::filesystem::exists(path, unreadable))
      file.problems.warning(part.image_place, fmt::format("there is no file {}", path.string()),
                            "build it before the application is deployed");
  }
}

// What the files declare together: each is checked beside the others.
void check_together(manager::Applications applications, std::vector<ManifestFile>& files) {
  std::set<std::string_view> names;
  for (ManifestFile& file : files) {
    for (size_t i = file.begin; i < file.end; ++i) {
      const manager::Application& application = *applications[i];
      if (!application.name.empty() && !names.insert(application.name).second)
        file.problems.error(
            application.place,
            fmt::format("the application {} is declared twice", manager::in_quotes(application.name)),
            "give one of them another name, or check them one by one");
      manager::check(application, applications, {}, file.problems);
      check_files(application, file);
    }
    file.problems.sort();
  }
}

json::object json_of(const manager::Problem& problem) {
  json::object out{{"severity", problem.severity == manager::Severity::error ? "error" : "warning"},
                   {"line", problem.place.line},
                   {"column", problem.place.column},
                   {"path", problem.place.path},
                   {"message", problem.message}};
  if (!problem.expected.empty()) out["expected"] = problem.expected;
  if (!problem.found.empty()) out["found"] = problem.found;
  if (!problem.remedy.empty()) out["remedy"] = problem.remedy;
  return out;
}

json::object json_of(const manager::Application& application) {
  json::array components, providers, links;
  for (const manager::Part& part : application.parts) {
    json::object one{{"name", part.name}, {"id", part.id}};
    if (part.shared)
      one["application"] = part.shared->application;
    else
      one["image"] = part.image, one["reference"] = part.reference;
    (part.kind == manager::PartKind::provider ? providers : components).push_back(std::move(one));
  }
  for (const manager::Link& link : application.links)
    if (find_part(application, link.source) != nullptr && find_part(application, link.target) != nullptr)
      links.push_back(json::parse(lattice::to_json(lattice_link(application, link))));
  return {{"name", application.name},
          {"version", application.version},
          {"components", std::move(components)},
          {"providers", std::move(providers)},
          {"links", std::move(links)}};
}

json::object json_of(const ManifestFile& file, const std::vector<manager::Application>& applications) {
  json::array declared, problems;
  for (size_t i = file.begin; i < file.end; ++i) declared.push_back(json_of(applications[i]));
  for (const manager::Problem& problem : file.problems.list()) problems.push_back(json_of(problem));
  return {{"file", file.path},
          {"valid", !file.problems.any_errors()},
          {"applications", std::move(declared)},
          {"problems", std::move(problems)},
          {"more_problems", file.problems.left_out()}};
}

std::string counted(size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

void show(const ManifestFile& file, const std::vector<manager::Application>& applications,
          const Output& output) {
  for (const manager::Problem& problem : file.problems.list()) output.line(to_string(problem, file.path));
  if (file.problems.left_out() != 0)
    output.line(fmt::format("{}: and {} more", file.path, file.problems.left_out()));
  if (file.problems.any_errors()) return;
  for (size_t i = file.begin; i < file.end; ++i) {
    const manager::Application& application = applications[i];
    const auto providers =
        std::count_if(application.parts.begin(), application.parts.end(),
                      [](const auto& part) { return part.kind == manager::PartKind::provider; });
    output.line(fmt::format("{}: valid: application {} of {}, {}, {}", file.path, application.name,
                            counted(application.parts.size() - providers, "component"),
                            counted(providers, "provider"), counted(application.links.size(), "link")));
  }
}

Result<void> validate(const AppOptions& options, const Output& output) {
  WATTLE_TRY(const auto images, image_table(options.images));
  std::vector<ManifestFile> files;
  std::vector<manager::Application> applications;
  for (const std::string& path : options.files) {
    WATTLE_TRY(const std::string text, read_manifest_file(path));
    ManifestFile& file = files.emplace_back(ManifestFile{path});
    file.begin = applications.size();
    for (auto& application : manager::read_manifests(text, images, file.problems))
      applications.push_back(std::move(application));
    file.end = applications.size();
  }
  const auto together = manager::pointers_to(applications);
  for (manager::Application& application : applications) take_shared_ids(application, together);
  check_together(together, files);
  json::array items;
  size_t refused = 0;
  for (const ManifestFile& file : files) {
    if (file.problems.any_errors()) ++refused;
    if (output.json())
      items.push_back(json_of(file, applications));
    else
      show(file, applications, output);
  }
  if (output.json()) output.line(json::serialize(items));
  if (refused == 0) return {};
  return failure(
      Error(ErrorCode::invalid,
            fmt::format("{} of {} not valid", refused, counted(files.size(), "manifest file")))
          .with_remedy(
              "change the lines named above; \"wattle app schema\" has editors tell while you write"));
}

Result<void> print_schema(const AppOptions&, const Output& output) {
  output.line(manager::manifest_schema());
  return {};
}

void print(const manager::ImageTable& table, const Output& output) {
  if (!output.json()) {
    std::string text = to_yaml(table);
    text.pop_back();  // the line's end
    return output.line(text);
  }
  json::object images, interfaces;
  for (const auto& [image, reference] : table.images) images[image] = reference;
  for (const auto& [interface, reference] : table.interfaces) interfaces[interface] = reference;
  output.line(
      json::serialize(json::object{{"images", std::move(images)}, {"interfaces", std::move(interfaces)}}));
}

Result<void> print_images(const Session& session, const ImagesOptions& options, const Output& output) {
  if (!options.of_manager) {
    WATTLE_TRY(const auto table, image_table(options.images));
    return print(table, output), Result<void>();
  }
  if (!options.images.empty())
    return failure(Error(ErrorCode::invalid_argument, "--images and --of-manager do not go together")
                       .with_remedy("leave one of them out"));
  return run_on_lattice(session, options, output, [&](Lattice& lattice) -> Result<void> {
    WATTLE_TRY(const auto table, manager_of(lattice).images());
    return print(table, output), Result<void>();
  });
}

std::shared_ptr<AppOptions> add(CLI::App& app, Session& session, const std::string& name,
                                const std::string& what, const std::string& example,
                                Result<void> (*work)(const AppOptions&, const Output&)) {
  auto* verb = app.add_subcommand(name, what);
  auto options = std::make_shared<AppOptions>();
  verb->footer("Example:\n  " + example);
  verb->callback([&session, options, work] {
    session.verb = [options, work](const Output& output) {
      const auto done = work(*options, output);
      if (done) return kExitSuccess;
      output.error(done.error());
      return kExitRefused;
    };
  });
  return options;
}

void add_images_option(CLI::App& verb, std::string& path) {
  verb.add_option("--images", path, "A table of images in place of wattle's own; see \"wattle app images\"");
}

void add_images(CLI::App& verbs, Session& session) {
  auto* verb = verbs.add_subcommand("images", "Prints which provider runs in place of which image");
  auto options = std::make_shared<ImagesOptions>();
  options->add_to(*verb);
  add_images_option(*verb, options->images);
  verb->add_flag("--of-manager", options->of_manager,
                 "The table that the lattice's manager has; otherwise no lattice is needed");
  verb->footer("Examples:\n  wattle app images > images.yaml\n  wattle app images --of-manager");
  verb->callback([&session, options] {
    session.verb = [&session, options](const Output& output) {
      const auto done = print_images(session, *options, output);
      if (done) return kExitSuccess;
      output.error(done.error());
      return exit_code(done.error());
    };
  });
}

}  // namespace

void add_app_validate(CLI::App& verbs, Session& session) {
  const auto validating =
      add(verbs, session, "validate", "Checks manifests: each by itself, and beside the others",
          "wattle app validate shop.yaml platform.yaml", validate);
  auto* verb = verbs.get_subcommand("validate");
  verb->add_option("file", validating->files, "OAM applications or Workloads, as YAML or JSON")
      ->required()
      ->expected(1, kManifestFilesMax);
  add_images_option(*verb, validating->images);
  add(verbs, session, "schema", "Prints the JSON schema of manifests, for editors",
      "wattle app schema > wattle.schema.json", print_schema);
  add_images(verbs, session);
}

}  // namespace wattle::cli
