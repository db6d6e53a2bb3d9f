// From a path on the command line to a component, with errors that a person can act on.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "cli/output.h"
#include "runtime/runtime.h"

namespace wattle::cli {

// Where compiled code is kept between runs: $XDG_CACHE_HOME/wattle/code, else ~/.cache/wattle/code; empty
// when there is no home.
std::string default_cache_directory();

// Makes the directory where it is missing. Refuses with io where nothing can be written there; an empty path
// is fine, and means that nothing is kept.
Result<void> check_cache_directory(const std::string& path);

// Reads a whole file, 1 GiB at most.
Result<std::vector<uint8_t>> read_file(const std::string& path);

// Reads, decodes, validates and (by options) compiles the component at `path`, with a progress line when it
// takes long.
Result<std::shared_ptr<const runtime::Component>> load_component(const std::string& path,
                                                                 const runtime::LoadOptions& options);

}  // namespace wattle::cli
