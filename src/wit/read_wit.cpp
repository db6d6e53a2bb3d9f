#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "wit/parser.h"
#include "wit/resolve.h"

namespace wattle::wit {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> cannot_read(const fs::path& path, const std::error_code& code) {
  ErrorCode kind = code == std::errc::no_such_file_or_directory ? ErrorCode::not_found : ErrorCode::io;
  return failure(kind, "cannot read {}: {}", path.string(), code.message());
}

Result<SourceFile> read_file(const fs::path& path) {
  std::error_code code;
  uintmax_t bytes = fs::file_size(path, code);
  if (code) return cannot_read(path, code);
  if (bytes > kMaxWitBytes)
    return failure(ErrorCode::malformed, "{} is too long for WIT text", path.string());
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (bytes > 0) text << stream.rdbuf();
  if (!stream) return cannot_read(path, std::make_error_code(std::errc::io_error));
  return SourceFile{path.string(), std::move(text).str()};
}

// What is in a folder, by name.
Result<std::vector<fs::path>> entries_of(const fs::path& folder) {
  std::error_code code;
  std::vector<fs::path> paths;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code))
    paths.push_back(entry->path());
  if (code) return cannot_read(folder, code);
  std::sort(paths.begin(), paths.end());
  return paths;
}

bool is_folder(const fs::path& path) {
  std::error_code code;
  return fs::is_directory(path, code);
}

Result<SourcePackage> read_folder(const fs::path& folder) {
  WATTLE_TRY(std::vector<fs::path> paths, entries_of(folder));
  SourcePackage package;
  for (const fs::path& path : paths) {
    if (path.extension() != ".wit" || is_folder(path)) continue;
    WATTLE_TRY(SourceFile file, read_file(path));
    package.files.push_back(std::move(file));
  }
  return package;
}

Result<void> read_dependencies(const fs::path& folder, std::vector<SourcePackage>& packages) {
  std::error_code code;
  if (!fs::exists(folder, code)) return {};
  WATTLE_TRY(std::vector<fs::path> paths, entries_of(folder));
  for (const fs::path& path : paths) {
    if (is_folder(path)) {
      WATTLE_TRY(SourcePackage package, read_folder(path));
      packages.push_back(std::move(package));
    } else if (path.extension() == ".wit") {
      WATTLE_TRY(SourceFile file, read_file(path));
      packages.push_back({{std::move(file)}});
    }
  }
  return {};
}

Result<std::vector<SourcePackage>> read_all(const fs::path& path) {
  std::vector<SourcePackage> packages;
  if (!is_folder(path)) {
    WATTLE_TRY(SourceFile file, read_file(path));
    packages.push_back({{std::move(file)}});
    return packages;
  }
  WATTLE_CHECK(read_dependencies(path / "deps", packages));
  WATTLE_TRY(SourcePackage package, read_folder(path));
  if (package.files.empty())
    return failure(ErrorCode::not_found, "the folder {} has no .wit files", path.string());
  packages.push_back(std::move(package));
  return packages;
}

}  // namespace

Result<std::vector<SourcePackage>> read_wit(const std::string& path) {
  try {
    return read_all(path);
  } catch (const std::exception& error) {
    return failure(ErrorCode::io, "cannot read {}: {}", path, error.what());
  }
}

}  // namespace wattle::wit
