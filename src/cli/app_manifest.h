// Manifests on their way from files to the manager: read and checked here, where the lines can be named, then
// taken apart, since a manager takes one application at a time, with the images found that lie beside them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/lattice_session.h"
#include "cli/output.h"
#include "manager/images.h"
#include "manager/problem.h"

namespace wattle::cli {

inline constexpr size_t kManifestFilesMax = 256;

// An image that is another one in the text that is put than in its file: columns behind it are others.
struct PutImage {
  manager::Place place{};  // in the document, as the file has it
  uint32_t characters = 0;
  uint32_t characters_put = 0;
};

// Of one application: a document of a file.
struct ManifestText {
  std::string name{};
  std::string text{};  // with what is put in place of images that are files
  std::string file{};  // as messages name it
  uint32_t lines_before = 0;
  std::vector<PutImage> images{};  // in the document's order

  // Where the file has what stands at `place` of the text.
  manager::Place in_file(manager::Place place) const;
};

// wattle's own table, or that of a file.
Result<manager::ImageTable> image_table(const std::string& path);
// "-" is standard input. Refused: as read_file.
Result<std::string> read_manifest_file(const std::string& path);

// What a manifest says in place of an image that is the file `path`.
using ImageOfFile = std::function<Result<std::string>(const manager::Part& part, const std::string& path)>;
// In the lattice's store of images: put there, unless it is there; a large one is told. Refused: as
// read_file; memory_exceeded; what the bus refuses.
ImageOfFile put_into(Lattice& lattice, const Output& output);
// As put_into() would say, without putting anything.
Result<std::string> digest_of_file(const manager::Part& part, const std::string& path);

// Every application of the files, in their order, checked by the manager's `table`. Warnings are told.
// Refused: as read_file; invalid, with every problem of the first file that has errors; not_found (an image
// that is a file); what `image_of_file` refuses.
Result<std::vector<ManifestText>> manifests_to_put(const std::vector<std::string>& paths,
                                                   const manager::ImageTable& table,
                                                   const ImageOfFile& image_of_file, const Output& output);

// The documents of a text, each with its lines as they are.
std::vector<std::string_view> split_documents(std::string_view text);
// A document's text with what `image_of_file` makes of every image that is a file: relative ones lie in
// `folder`. Without a name and a file.
// Refused: not_found; unsupported (one that is written so that it does not stand in its line as it is).
Result<ManifestText> with_images(std::string_view text, const manager::ImageTable& table,
                                 const std::string& folder, const ImageOfFile& image_of_file,
                                 uint32_t lines_before = 0);

// What the manager refused a manifest with, as "app validate" says it: by lines of the file. `problems` are
// those of ApiClient; `refusal` itself, where there are none.
Error refusal_in_file(const ManifestText& manifest, const manager::Problems& problems, Error refusal);

// "shop" is an application's name, "shop.yaml", "./shop" and "-" are files.
bool is_manifest_file(std::string_view argument);

}  // namespace wattle::cli
