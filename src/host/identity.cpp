#include "host/identity.h"

#include <sys/utsname.h>

#include <array>
#include <boost/json.hpp>
#include <chrono>

#include "lattice/events.h"
#include "nats/jwt.h"

namespace wattle::host {
namespace {

constexpr std::array<std::string_view, 32> kManners = {
    "able",  "airy",  "brave", "brisk", "calm", "clear", "deft",  "early", "even",  "fair", "firm",
    "fleet", "glad",  "grand", "hale",  "keen", "kind",  "late",  "light", "mild",  "neat", "plain",
    "prime", "quick", "quiet", "rare",  "ripe", "sound", "swift", "tidy",  "vivid", "wry"};
constexpr std::array<std::string_view, 32> kThings = {
    "alder", "ash",   "aspen", "bark",  "birch", "bough", "briar", "cane", "cedar",  "elder",  "elm",
    "fern",  "fir",   "gorse", "hazel", "heath", "hedge", "holly", "ivy",  "larch",  "laurel", "maple",
    "oak",   "osier", "pine",  "reed",  "rowan", "sedge", "thorn", "vine", "willow", "yew"};

}  // namespace

std::string host_token(const nats::KeyPair& key) {
  const std::string id = key.public_key();
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  using boost::json::object;
  const object about{{"name", friendly_name(id)}, {"labels", object{{"self_signed", "true"}}}};
  const std::string claims = boost::json::serialize(object{{"jti", lattice::event_id()},
                                                           {"iat", now.count()},
                                                           {"iss", id},
                                                           {"sub", id},
                                                           {"wascap", about},
                                                           {"wascap_revision", 3}});
  return nats::sign_jwt(key, R"({"typ":"jwt","alg":"Ed25519"})", claims);
}

std::string new_host_id() {
  return nats::KeyPair::generate(nats::KeyKind::server).public_key();
}

std::string friendly_name(std::string_view host_id) {
  uint32_t hash = 2166136261u;  // FNV-1a: the same on every machine
  for (const char c : host_id) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return fmt::format("{}-{}-{:04}", kManners[hash % 32], kThings[hash / 32 % 32], hash / 1024 % 10'000);
}

lattice::StringMap core_labels() {
  utsname system{};
  const bool known = ::uname(&system) == 0;
  return {{"hostcore.arch", known ? system.machine : "unknown"},
          {"hostcore.os", "linux"},
          {"hostcore.osfamily", "unix"}};
}

std::string describe_uptime(Duration uptime) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(uptime).count();
  std::string text;
  if (seconds >= 86'400) text += fmt::format("{}d ", seconds / 86'400);
  if (seconds >= 3600) text += fmt::format("{}h ", seconds / 3600 % 24);
  if (seconds >= 60) text += fmt::format("{}m ", seconds / 60 % 60);
  return text + fmt::format("{}s", seconds % 60);
}

Result<void> check_label(std::string_view key, std::string_view value) {
  if (key.starts_with("hostcore."))
    return failure(ErrorCode::invalid_argument,
                   "labels that begin with \"hostcore.\" are the host's own: \"{}\"", key.substr(0, 256));
  if (key.empty() || key.size() > 256)
    return failure(ErrorCode::invalid_argument, "a label's key has 1 to 256 bytes, and this one {}",
                   key.size());
  if (value.size() > 4096)
    return failure(ErrorCode::invalid_argument, "a label's value has at most 4096 bytes, and this one {}",
                   value.size());
  return {};
}

}  // namespace wattle::host
