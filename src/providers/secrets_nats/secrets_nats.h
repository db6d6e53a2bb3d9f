// wasmcloud:secrets over NATS: from a bucket of its own, whose values are sealed, or from any backend that
// speaks wasmCloud's secrets protocol (v1alpha1).
//
// Settings of a link (or, as defaults, of the provider):
//
//   backend            the name of a backend that answers on {subject_base}.v1alpha1.{backend}. Without it,
//   the
//                      provider reads its own bucket
//   subject_base       wasmcloud.secrets
//   policy             what the backend is told of the application, as JSON
//   entity_jwt, host_jwt   who asks, for backends that want to know; better secrets than configs
//   bucket             the JetStream bucket of secrets; WATTLE_SECRETS
//   xkey_seed          the seed (SX...) that values in it are sealed with: a secret, or
//   xkey_seed_file     a file that only its owner may read
//   cluster_uris, ...     see providers/nats_connection.h
//   allow, timeout_ms     see providers/secrets_provider.h
//
// Settings of the provider itself, to answer others from its bucket:
//
//   serve_backend      the name under which it answers
//   serve              JSON: {"M...": ["NAME", "OTHER*"]}: which secrets the component (or provider) with
//   that
//                      public key may read, as its signed token says. Nobody else may read any
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::providers {

// "secrets-nats"
std::unique_ptr<capability::ProviderFactory> secrets_nats_factory();

}  // namespace wattle::providers
