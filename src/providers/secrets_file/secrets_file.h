// wasmcloud:secrets in a folder of files that only their owner may read.
//
// Settings of a link (or, as defaults, of the provider):
//
//   root                the folder
//   allow, timeout_ms   see providers/secrets_provider.h
//
// The file NAME holds the secret NAME; NAME@VERSION, where it is there, an older version of it. One line
// break at the end is not part of a text. A field is one of a JSON object's. Bytes that are no UTF-8 are
// bytes. A file that belongs to another user, or that others may read, is refused.
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::providers {

// "secrets-file"
std::unique_ptr<capability::ProviderFactory> secrets_file_factory();

}  // namespace wattle::providers
