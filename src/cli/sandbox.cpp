#include "cli/sandbox.h"

#include <cstdlib>

#include "base/parse.h"

namespace wattle::cli {
namespace {

struct FolderGrant {
  std::string host_path;
  std::string guest_path;
  wasi::FolderAccess access = wasi::FolderAccess::read_write;
};

Result<FolderGrant> parse_folder(const std::string& text) {
  FolderGrant grant;
  std::string rest = text;
  if (rest.size() > 4 && rest.ends_with("::ro")) {
    grant.access = wasi::FolderAccess::read_only;
    rest.resize(rest.size() - 4);
  }
  const size_t split = rest.find("::");
  grant.host_path = rest.substr(0, split);
  grant.guest_path = split == std::string::npos ? grant.host_path : rest.substr(split + 2);
  if (grant.host_path.empty() || grant.guest_path.empty())
    return failure(
        Error(ErrorCode::invalid_argument, fmt::format("--dir \"{}\" does not name two folders", text))
            .with_remedy("write HOST::GUEST, for example --dir ./data::/data, with ::ro behind it to forbid "
                         "writing"));
  return grant;
}

Result<std::pair<std::string, std::string>> parse_variable(const std::string& text) {
  const size_t split = text.find('=');
  if (split == std::string::npos) {
    if (const char* value = std::getenv(text.c_str())) return std::pair(text, std::string(value));
    return failure(
        Error(ErrorCode::invalid_argument, fmt::format("--env \"{}\": no such variable is set here", text))
            .with_remedy(fmt::format("give it a value: --env {}=VALUE", text)));
  }
  if (split == 0)
    return failure(
        Error(ErrorCode::invalid_argument, fmt::format("--env \"{}\" has no name before the \"=\"", text))
            .with_remedy("write NAME=VALUE, for example --env MODE=fast"));
  return std::pair(text.substr(0, split), text.substr(split + 1));
}

}  // namespace

Error about_option(std::string_view option, const Error& error) {
  return Error(error.code(), fmt::format("{}: {}", option, error.message())).with_remedy(error.remedy());
}

Error guest_failure(const std::string& path, const Error& error) {
  switch (error.code()) {
    case ErrorCode::trap:
      return error.with_context(fmt::format("the guest \"{}\" trapped", path));
    case ErrorCode::deadline_exceeded:
      return Error(error).with_remedy("allow more with --timeout, for example --timeout 30s");
    case ErrorCode::cpu_time_exceeded:
      return Error(error).with_remedy("allow more with --cpu-time, for example --cpu-time 10s");
    case ErrorCode::memory_exceeded:
      return Error(error).with_remedy("allow more with --max-memory, for example --max-memory 256MiB");
    default:
      return error;
  }
}

void Grants::add_to(CLI::App& verb) {
  verb.add_option("--dir", folders, "A folder for the guest: HOST::GUEST, or HOST::GUEST::ro")
      ->type_name("HOST::GUEST")
      ->allow_extra_args(false);
  verb.add_option("--env", environment,
                  "An environment variable for the guest; NAME alone passes this shell's on")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  verb.add_option(
          "--allow-connect", connections,
          "A peer that the guest may reach by sockets: HOST:PORT, ADDRESS/BITS:PORT, *.NAME:PORT or *")
      ->type_name("HOST:PORT")
      ->allow_extra_args(false);
  verb.add_option("--allow-http", outgoing_http,
                  "A host that the guest may send HTTP requests to; as --allow-connect")
      ->type_name("HOST:PORT")
      ->allow_extra_args(false);
}

Result<void> Grants::apply(wasi::Context& context) const {
  for (const auto& text : folders) {
    WATTLE_TRY(auto grant, parse_folder(text));
    WATTLE_CHECK(context.add_folder(grant.host_path, grant.guest_path, grant.access));
  }
  for (const auto& text : environment) {
    WATTLE_TRY(auto variable, parse_variable(text));
    context.environment.push_back(std::move(variable));
  }
  for (const auto& entry : connections) {
    auto allowed = context.network.allow(entry);
    if (!allowed) return failure(about_option("--allow-connect", allowed.error()));
  }
  for (const auto& entry : outgoing_http) {
    auto allowed = context.outgoing_http.allow(entry);
    if (!allowed) return failure(about_option("--allow-http", allowed.error()));
  }
  return {};
}

void Limits::add_to(CLI::App& verb, std::string_view what) {
  auto* wall =
      verb.add_option("--timeout", timeout, fmt::format("Wall-clock time for {}, for example 5s", what))
          ->type_name("DURATION");
  if (!timeout.empty()) wall->capture_default_str();
  verb.add_option("--cpu-time", cpu_time, fmt::format("CPU time that {} may use, for example 2s", what))
      ->type_name("DURATION");
  verb.add_option("--max-memory", max_memory, "Linear memory of an instance, for example 64MiB")
      ->type_name("SIZE");
}

Result<Limits::Parsed> Limits::parse() const {
  Parsed parsed;
  auto duration = [](std::string_view option, const std::string& text) -> Result<Duration> {
    auto value = parse_duration(text);
    if (!value) return failure(about_option(option, value.error()));
    if (*value <= Duration::zero())
      return failure(Error(ErrorCode::invalid_argument, fmt::format("{} must be more than zero", option))
                         .with_remedy(fmt::format("leave {} out for no limit", option)));
    return value;
  };
  if (!timeout.empty()) {
    WATTLE_TRY(parsed.timeout, duration("--timeout", timeout));
  }
  if (!cpu_time.empty()) {
    WATTLE_TRY(parsed.cpu_time, duration("--cpu-time", cpu_time));
  }
  if (!max_memory.empty()) {
    auto bytes = parse_bytes(max_memory);
    if (!bytes) return failure(about_option("--max-memory", bytes.error()));
    if (*bytes == 0)
      return failure(Error(ErrorCode::invalid_argument, "--max-memory must be more than zero")
                         .with_remedy("give the guest some, for example --max-memory 64MiB"));
    parsed.max_memory_bytes = *bytes;
  }
  return parsed;
}

engine::CallLimits Limits::Parsed::for_call() const {
  engine::CallLimits limits;
  if (timeout) limits.deadline = Clock::now() + *timeout;
  limits.cpu_time = cpu_time;
  return limits;
}

}  // namespace wattle::cli
