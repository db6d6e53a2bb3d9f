// Subjects of the lattice: what is listened on and published to, built and taken apart in one place; and
// which names can be part of one.
//
//   wasmbus.ctl.v1.default.host.get.NAB...            control requests (wasmCloud v1)
//   wasmbus.evt.default.component_scaled              events (wasmCloud v1)
//   wasmbus.rpc.default.shop-kv.health                a provider process (wasmCloud v1)
//   default.shop-kv.wrpc.0.0.1.wrpc:keyvalue/store@0.2.0-draft.get    a call from anybody (wRPC 0.0.1)
//   wattle.default.NAB....shop-kv.wrpc.0.0.1....      a call from a wattle host to one on a chosen host
//   wattle.default.lease.NAB...                       a host is alive
//   wattle.default.spy                                somebody wants to see calls
//   _INBOX_WATTLE.7f3a...                             answers to hosts and to the command line
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wattle::lattice {

inline constexpr std::string_view kDefaultLattice = "default";
inline constexpr size_t kNameBytesMax = 256;

// Ids of hosts, components and providers, and names of configs: one word of a subject and a key of a bucket,
// so letters, digits and "-_=/", at most kNameBytesMax. Refused: invalid_argument; `what` names it.
Result<void> check_id(std::string_view id, std::string_view what);
// Names of lattices, which are part of buckets' names: letters, digits, "-" and "_".
Result<void> check_lattice(std::string_view lattice);
// Names of links: anything that is one word of a subject.
Result<void> check_link_name(std::string_view name);

// ---- control

// "wasmbus.ctl.v1.default": what every control subject of a lattice begins with.
std::string control_prefix(std::string_view lattice);
// "host", "get" and a host's id. `argument` empty: none.
std::string control_subject(std::string_view lattice, std::string_view entity, std::string_view verb,
                            std::string_view argument = {});

struct ControlSubject {
  std::string_view entity;    // "config"
  std::string_view verb;      // "put"
  std::string_view argument;  // one word; empty: none
};
// Nothing for another lattice's subjects, and for more or fewer words.
std::optional<ControlSubject> parse_control_subject(std::string_view lattice, std::string_view subject);

// ---- events, providers, leases

std::string event_subject(std::string_view lattice, std::string_view name);
// `verb`: "health", "linkdefs.put", "linkdefs.del", "default.shutdown", "config.update".
std::string provider_subject(std::string_view lattice, std::string_view id, std::string_view verb);
std::string lease_subject(std::string_view lattice, std::string_view host_id);
std::string spy_subject(std::string_view lattice);

// ---- answers

// What inboxes of hosts and of the command line begin with. Not NATS's own "_INBOX", where providers of v1's
// make listen too: none of them hears what hosts are answered.
inline constexpr std::string_view kInboxPrefix = "_INBOX_WATTLE";

// ---- calls

// What a component's subjects begin with, which is also the queue group that shares its calls.
std::string call_prefix(std::string_view lattice, std::string_view target);
std::string host_call_prefix(std::string_view lattice, std::string_view host_id, std::string_view target);
// `prefix`: one of the two above. `instance` ("wasi:http/incoming-handler@0.2.0") may be empty, for functions
// that the component exports by themselves; `function` as functions are called on the wire ("bucket.get").
std::string call_subject(std::string_view prefix, std::string_view instance, std::string_view function);
// "[method]bucket.get" is "bucket.get" on the wire; so with [static] and [constructor].
std::string_view wire_function(std::string_view wit_name);

struct CallSubject {
  std::string_view lattice;
  std::string_view host_id;  // empty: for whichever host
  std::string_view target;
  // "wrpc:keyvalue/store@0.2.0-draft.get". A callee looks this up as a whole, since versions hold dots too.
  std::string_view operation;
};
std::optional<CallSubject> parse_call_subject(std::string_view subject);

struct Operation {
  std::string_view instance;
  std::string_view function;
};
// The two parts for people to read. A pre-release takes one identifier and the numbers after it ("rc.1"): an
// instance with a longer one cannot be told from a resource's method.
Operation split_operation(std::string_view operation);

}  // namespace wattle::lattice
