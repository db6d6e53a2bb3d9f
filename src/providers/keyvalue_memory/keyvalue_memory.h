// wasi:keyvalue in memory: for development, tests and caches. The workers of a host share what it holds; it
// goes with the process, and no other host sees it.
//
// Settings of the provider:  max_bytes   of all keys and values together; 1073741824
// Settings of a link:        see providers/key_value_provider.h
// Watching: every change made through this host.
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::providers {

// "keyvalue-memory"
std::unique_ptr<capability::ProviderFactory> keyvalue_memory_factory();

}  // namespace wattle::providers
