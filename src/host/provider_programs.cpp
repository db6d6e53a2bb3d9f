#include "host/provider_programs.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>

#include "host/provider_archive.h"

namespace wattle::host {
namespace {

constexpr std::string_view kFile = "file://";
constexpr std::string_view kStore = "wattle://";
constexpr std::string_view kProcess = "process://";

// What tells an archive from a program; fewer bytes for shorter files, none for what cannot be read.
std::string beginning_of(const std::string& path) {
  std::string bytes(512, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

// Named by our own process, so that the interpreter of a script finds it too.
Result<ProviderProgram> file_in_memory(std::string_view bytes) {
  const auto io = [] {
    return failure(ErrorCode::io, "a provider's program cannot be kept in memory: {}", std::strerror(errno));
  };
  const int descriptor = ::memfd_create("provider", MFD_CLOEXEC);
  if (descriptor < 0) return io();
  ProviderProgram program{.path = fmt::format("/proc/{}/fd/{}", ::getpid(), descriptor)};
  program.file = std::shared_ptr<const int>(new int(descriptor), [](const int* file) {
    ::close(*file);
    delete file;
  });
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) return io();
    bytes.remove_prefix(static_cast<size_t>(std::max<ssize_t>(count, 0)));
  }
  if (::fchmod(descriptor, 0500) != 0) return io();
  return program;
}

int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

bool ProviderPrograms::is_program(std::string_view reference) {
  for (const std::string_view scheme : {kFile, kStore, kProcess})
    if (reference.starts_with(scheme)) return reference.size() > scheme.size();
  return false;
}

Result<ProviderProgram> ProviderPrograms::find(const std::string& reference) {
  if (reference.starts_with(kProcess)) return own(std::string_view(reference).substr(kProcess.size()));
  if (!reference.starts_with(kFile)) return unpack(reference);
  if (!options_.allow_file_load)
    return failure(Error(ErrorCode::permission_denied,
                         fmt::format("this host does not load files, and the provider is {}", reference))
                       .with_remedy("start the host with --allow-file-load"));
  std::string path = reference.substr(kFile.size());
  if (is_provider_archive(async::offload(blocking_, [&] { return beginning_of(path); })))
    return unpack(reference);
  return ProviderProgram{.path = std::move(path)};
}

Result<ProviderProgram> ProviderPrograms::own(std::string_view name) const {
  const auto& names = options_.builtin_names;
  if (options_.builtin_command.empty() || std::find(names.begin(), names.end(), name) == names.end())
    return failure(Error(ErrorCode::not_found, fmt::format("this host has no provider \"{}\" built in", name))
                       .with_remedy(fmt::format("those that it has: {}", fmt::join(names, ", "))));
  ProviderProgram program{.path = options_.builtin_command.front()};
  program.arguments.assign(options_.builtin_command.begin() + 1, options_.builtin_command.end());
  program.arguments.emplace_back(name);
  return program;
}

Result<ProviderProgram> ProviderPrograms::unpack(const std::string& reference) {
  WATTLE_TRY(const Image image, images_.fetch(reference));
  const std::string_view bytes(reinterpret_cast<const char*>(image.bytes->data()), image.bytes->size());
  return async::offload(blocking_, [&]() -> Result<ProviderProgram> {
    if (!is_provider_archive(bytes)) return file_in_memory(bytes);
    auto provider = read_provider_archive(bytes, {.target = own_target(), .now_s = now_s()});
    if (!provider) return failure(provider.error().with_context(fmt::format("{} cannot be used", reference)));
    WATTLE_TRY(ProviderProgram program, file_in_memory(provider->program));
    program.claims = std::move(provider->claims);
    return program;
  });
}

}  // namespace wattle::host
