// A provider on the bus: answers the calls of hosts with its capabilities. For the provider processes of
// sdk/provider, and for hosts whose built-in providers are called from other hosts.
//
//   WATTLE_TRY(auto service, server->serve(prefix, prefix, [&](wrpc::IncomingCall& call) {
//     return bindings::answer_call(provider, call);
//   }));
#pragma once

#include "capability/provider.h"
#include "wrpc/server.h"

namespace wattle::bindings {

// Serves wrpc:keyvalue (store, atomics, batch), wrpc:blobstore, wasmcloud:messaging/consumer,
// wasmcloud:postgres and wrpc:http/outgoing-handler, and the provider's custom functions. Whether the caller
// has a link is the provider's to judge, by the link's source and name. Refused: unsupported (a function, or
// a capability that the provider does not have), malformed (parameters).
Result<wrpc::Reply> answer_call(capability::Provider& provider, wrpc::IncomingCall& call);

}  // namespace wattle::bindings
