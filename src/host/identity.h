// Who a host is: its key, its name for people, and the labels that every host has.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "lattice/control_types.h"
#include "nats/nkey.h"

namespace wattle::host {

// A new host's id: the public half of an ed25519 key ("N...").
std::string new_host_id();
// A token (JWT) in which the host with this key says who it is: for backends of secrets that want to know.
std::string host_token(const nats::KeyPair& key);
// "calm-reed-4821", always the same for the same id.
std::string friendly_name(std::string_view host_id);
// hostcore.arch ("x86_64"), hostcore.os ("linux") and hostcore.osfamily ("unix").
lattice::StringMap core_labels();
// "2d 3h 5m 10s"
std::string describe_uptime(Duration uptime);

// Refused (invalid_argument): keys that begin with "hostcore.", which are the host's own; empty keys; more
// than 256 bytes of key or 4 KiB of value.
Result<void> check_label(std::string_view key, std::string_view value);

}  // namespace wattle::host
