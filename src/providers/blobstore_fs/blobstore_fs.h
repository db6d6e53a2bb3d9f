// wasi:blobstore in a folder: a container is a folder in it, an object a file.
//
// Settings of a link (or, as defaults, of the provider):
//
//   root          the folder; it must be there
//   sync          whether an object is on the disk before its write is acknowledged; true
//   containers, alias_NAME, timeout_ms, ...   see providers/blobstore_provider.h
//
// A "/" in an object's name makes folders, so that other programs find files where they expect them; what
// cannot be a file's name so (".", "..", two slashes in a row) is written with percent signs. No name leads
// out of the folder, not even by a symbolic link. A file system has no object "a" beside "a/b": the second of
// them is refused. An object appears whole, by renaming, or not at all.
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::providers {

// "blobstore-fs"
std::unique_ptr<capability::ProviderFactory> blobstore_fs_factory();

}  // namespace wattle::providers
