#include "cli/app_manifest.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include "cli/load.h"
#include "cli/table.h"
#include "host/images.h"
#include "manager/application_record.h"
#include "manager/check.h"
#include "manager/read.h"
#include "manager/yaml_document.h"

namespace wattle::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStandardInput = "-";
constexpr Duration kPutTime = std::chrono::minutes(2);
constexpr size_t kToldBytes = size_t{4} << 20;  // from this size on, putting an image is told

Result<std::string> read_standard_input() {
  std::string text;
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(ErrorCode::io, "cannot read standard input: {}", std::strerror(errno));
    if (count == 0) return text;
    text.append(buffer, static_cast<size_t>(count));
    // One byte more than a manifest may have is enough to have it refused.
    if (text.size() > manager::kYamlBytesMax) return text;
  }
}

// Directives and comments, which belong to the document behind them.
bool holds_nothing(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const size_t first = line.find_first_not_of(" \t\r");
    if (first != std::string_view::npos && line[first] != '#' && !line.starts_with('%')) return false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

// "---" begins a document, "..." ends one.
bool begins_with(std::string_view mark, std::string_view text) {
  return text.starts_with(mark) &&
         (text.size() == 3 || text[3] == '\n' || text[3] == '\r' || text[3] == ' ' || text[3] == '\t');
}

// Where the part's image stands in `text`: in its line, at its column or behind it. npos: nowhere.
size_t find_image(std::string_view text, const manager::Part& part) {
  size_t begin = 0;
  for (uint32_t line = 1; line < part.image_place.line; ++line) {
    const size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) return end;
    begin = end + 1;
  }
  const size_t end = std::min(text.find('\n', begin), text.size());
  return text.substr(0, end).find(part.image, begin + part.image_place.column - 1);
}

// In code points, as columns count.
uint32_t characters(std::string_view text) {
  return static_cast<uint32_t>(std::count_if(
      text.begin(), text.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; }));
}

uint32_t lines_of(std::string_view text) {
  return static_cast<uint32_t>(std::count(text.begin(), text.end(), '\n'));
}

manager::Place place_in(std::string_view text, size_t at) {
  const std::string_view before = text.substr(0, at);
  return {{}, lines_of(before) + 1, characters(before.substr(before.rfind('\n') + 1)) + 1};
}

Error not_in_line(const manager::Part& part, uint32_t lines_before) {
  return Error(ErrorCode::unsupported,
               fmt::format("the image {} does not stand in line {} as it is", manager::in_quotes(part.image),
                           lines_before + part.image_place.line))
      .with_remedy("write it in one line, without escapes, aliases and folding");
}

Result<std::string> path_of(const manager::Part& part, const std::string& folder) {
  std::error_code problem;
  const fs::path path = fs::absolute(fs::path(folder) / part.image, problem).lexically_normal();
  if (!problem && fs::is_regular_file(path, problem)) return path.string();
  return failure(Error(ErrorCode::not_found, fmt::format("there is no file {}, the image of {}",
                                                         path.string(), manager::in_quotes(part.name)))
                     .with_remedy("build it, or check the path; it is relative to the manifest"));
}

Result<std::string> read_image(const manager::Part& part, const std::string& path) {
  const size_t bytes_max =
      part.kind == manager::PartKind::provider ? host::kProgramBytesMax : host::ImageOptions().bytes_max;
  std::error_code problem;
  if (const auto size = fs::file_size(path, problem); !problem && size > bytes_max)
    return failure(ErrorCode::memory_exceeded, "the image {} has {} bytes, and hosts load at most {}", path,
                   size, bytes_max);
  WATTLE_TRY(const auto bytes, read_file(path));
  return std::string(bytes.begin(), bytes.end());
}

void tell_warnings(const manager::Problems& problems, const std::string& path, const Output& output) {
  for (const manager::Problem& problem : problems.list())
    if (problem.severity == manager::Severity::warning)
      output.warning(Error(ErrorCode::invalid, manager::to_string_alone(problem, path)));
}

std::string shown(const std::string& path) {
  return path == kStandardInput ? "standard input" : path;
}

// The whole file is checked first, so that problems have its lines.
Result<void> check_file(const std::string& path, const std::string& text, const manager::ImageTable& table,
                        const Output& output) {
  manager::Problems problems;
  auto applications = manager::read_manifests(text, table, problems);
  const auto together = manager::pointers_to(applications);
  for (manager::Application& application : applications) take_shared_ids(application, together);
  for (const manager::Application& application : applications)
    manager::check(application, together, {}, problems);
  if (problems.any_errors()) return failure(refusal(problems, shown(path)));
  tell_warnings(problems, shown(path), output);
  return {};
}

}  // namespace

Result<manager::ImageTable> image_table(const std::string& path) {
  if (path.empty()) return manager::default_images();
  WATTLE_TRY(const std::string text, read_manifest_file(path));
  manager::Problems problems;
  auto table = manager::read_images(text, problems);
  if (problems.any_errors()) return failure(manager::refusal(problems, path));
  return table;
}

Result<std::string> read_manifest_file(const std::string& path) {
  if (path == kStandardInput) return read_standard_input();
  WATTLE_TRY(const auto bytes, read_file(path));
  return std::string(bytes.begin(), bytes.end());
}

std::vector<std::string_view> split_documents(std::string_view text) {
  std::vector<std::string_view> documents;
  size_t begin = 0;
  for (size_t line = 0; line < text.size();) {
    const size_t next = std::min(text.find('\n', line), text.size() - 1) + 1;
    const bool begins = begins_with("---", text.substr(line));
    if ((begins || begins_with("...", text.substr(line))) &&
        !holds_nothing(text.substr(begin, line - begin))) {
      const size_t end = begins ? line : next;
      documents.push_back(text.substr(begin, end - begin));
      begin = end;
    }
    line = next;
  }
  if (begin < text.size()) documents.push_back(text.substr(begin));
  return documents;
}

ImageOfFile put_into(Lattice& lattice, const Output& output) {
  return [&lattice, &output](const manager::Part& part, const std::string& path) -> Result<std::string> {
    WATTLE_TRY(const std::string bytes, read_image(part, path));
    const async::DeadlineScope deadline(Clock::now() + kPutTime);
    host::ImageOptions options;
    options.lattice = lattice.name;
    host::Images images(lattice.bus, lattice.blocking, std::move(options));
    if (bytes.size() >= kToldBytes && !output.json()) {
      WATTLE_TRY(const bool there, images.is_published(bytes));
      if (!there)
        output.line(fmt::format("putting {} into the lattice: {} MiB", printable(path), bytes.size() >> 20));
    }
    auto published = images.publish(bytes);
    if (published) return published;
    return failure(published.error().with_context(fmt::format("cannot put {} into the lattice", path)));
  };
}

Result<std::string> digest_of_file(const manager::Part& part, const std::string& path) {
  WATTLE_TRY(const std::string bytes, read_image(part, path));
  return host::image_reference_of(bytes);
}

manager::Place ManifestText::in_file(manager::Place place) const {
  if (place.line == 0) return place;
  uint32_t column = place.column;
  for (const PutImage& image : images) {
    if (image.place.line != place.line || column <= image.place.column) continue;
    // Within the image: where it begins.
    const uint32_t passed = std::min(column - image.place.column, image.characters_put);
    column -= passed;
    if (passed == image.characters_put) column += image.characters;
  }
  return {std::move(place.path), place.line + lines_before, column};
}

Error refusal_in_file(const ManifestText& manifest, const manager::Problems& problems, Error refusal) {
  if (!problems.any_errors()) return refusal;
  manager::Problems in_file;
  for (const manager::Problem& problem : problems.list())
    if (problem.severity == manager::Severity::error)
      in_file.error(manifest.in_file(problem.place), problem.message, problem.remedy);
  in_file.leave_out(problems.left_out());
  return manager::refusal(in_file, manifest.file);
}

Result<ManifestText> with_images(std::string_view text, const manager::ImageTable& table,
                                 const std::string& folder, const ImageOfFile& image_of_file,
                                 uint32_t lines_before) {
  manager::Problems problems;
  const auto applications = manager::read_manifests(text, table, problems);
  std::map<size_t, const manager::Part*> places;
  std::map<const manager::Part*, std::string> images;
  for (const manager::Application& application : applications)
    for (const manager::Part& part : application.parts) {
      if (!manager::is_file(part.image)) continue;
      const size_t at = find_image(text, part);
      if (at == std::string_view::npos) return failure(not_in_line(part, lines_before));
      places.emplace(at, &part);
      WATTLE_TRY(const std::string path, path_of(part, folder));
      WATTLE_TRY(images[&part], image_of_file(part, path));
    }
  ManifestText changed;
  changed.text = text;
  changed.lines_before = lines_before;
  for (auto place = places.rbegin(); place != places.rend(); ++place)
    changed.text.replace(place->first, place->second->image.size(), images[place->second]);
  for (const auto& [at, part] : places)
    changed.images.push_back({place_in(text, at), characters(part->image), characters(images[part])});
  // What was put in may mean something else where it stands: " #" in a path, for one.
  const auto again = manager::read_manifests(changed.text, table, problems);
  for (size_t i = 0; i < applications.size(); ++i)
    for (size_t j = 0; j < applications[i].parts.size(); ++j) {
      const manager::Part& part = applications[i].parts[j];
      const bool same = i < again.size() && j < again[i].parts.size() &&
                        again[i].parts[j].image == (images.contains(&part) ? images[&part] : part.image);
      if (!same) return failure(not_in_line(part, lines_before));
    }
  return changed;
}

Result<std::vector<ManifestText>> manifests_to_put(const std::vector<std::string>& paths,
                                                   const manager::ImageTable& table,
                                                   const ImageOfFile& image_of_file, const Output& output) {
  std::vector<ManifestText> manifests;
  for (const std::string& path : paths) {
    WATTLE_TRY(const std::string text, read_manifest_file(path));
    WATTLE_CHECK(check_file(path, text, table, output));
    uint32_t lines_before = 0;
    const std::string folder = path == kStandardInput ? "." : fs::path(path).parent_path().string();
    for (const std::string_view document : split_documents(text)) {
      const uint32_t begin = std::exchange(lines_before, lines_before + lines_of(document));
      manager::Problems problems;
      const auto applications = manager::read_manifests(document, table, problems);
      if (applications.empty()) continue;  // Kubernetes' own
      auto changed = with_images(document, table, folder, image_of_file, begin);
      if (!changed) return failure(changed.error().with_context(fmt::format("\"{}\" cannot be put", path)));
      changed->name = applications.front().name;
      changed->file = shown(path);
      manifests.push_back(std::move(*changed));
    }
  }
  return manifests;
}

bool is_manifest_file(std::string_view argument) {
  return argument == kStandardInput || !manager::check_application_name(argument);
}

}  // namespace wattle::cli
