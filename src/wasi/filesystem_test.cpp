#include "wasi/filesystem.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "wasi/test_support.h"

namespace wattle::wasi {
namespace {

namespace fs = std::filesystem;

// OUT holds a secret; OUT/in is what the guest sees.
class Filesystem : public WasiTest {
 protected:
  Filesystem() {
    char name[] = "/tmp/wattle_files_XXXXXX";
    out_ = mkdtemp(name);
    in_ = out_ / "in";
    fs::create_directories(in_ / "sub");
    put(out_ / "secret", "secret");
    put(in_ / "file", "content");
  }
  ~Filesystem() override { fs::remove_all(out_); }

  static void put(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }
  static std::string get(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  void with_folder(FolderAccess access, const std::function<void(FileDescriptor&)>& body) {
    on_fiber([&] {
      ASSERT_TRUE(context->add_folder(in_.string(), "/", access));
      auto folder = FileDescriptor::of_preopen(*host, context->preopens.front());
      ASSERT_TRUE(folder);
      body(**folder);
    });
  }
  FileResult<std::unique_ptr<FileDescriptor>> open(FileDescriptor& folder, const std::string& path,
                                                   uint32_t open_flags, uint32_t flags, bool follow = true) {
    return folder.open_at(*host, PathFlags{follow ? 1u : 0u}, path, OpenFlags{open_flags},
                          DescriptorFlags{flags});
  }

  static constexpr PathFlags kFollow{1};
  static constexpr PathFlags kStay{0};
  static constexpr uint32_t kR = 1u << kRead;
  static constexpr uint32_t kW = 1u << kWrite;
  fs::path out_, in_;
};

#define EXPECT_REFUSED(result, code)                                                      \
  do {                                                                                    \
    const auto outcome_ = (result);                                                       \
    ASSERT_FALSE(outcome_.has_value());                                                   \
    EXPECT_EQ(static_cast<int>(outcome_.error()), static_cast<int>(FileErrorCode::code)); \
  } while (false)

TEST_F(Filesystem, ReadsAndWritesFiles) {
  with_folder(FolderAccess::read_write, [&](FileDescriptor& folder) {
    auto file = open(folder, "new", 1u << kCreate, kR | kW);
    ASSERT_TRUE(file);
    EXPECT_EQ((*file)->write(*host, bytes_of("hello world"), 0), 11u);
    auto [bytes, end] = *(*file)->read(*host, 5, 6);
    EXPECT_EQ(text_of(bytes), "world");
    EXPECT_FALSE(end);
    EXPECT_TRUE(std::get<1>(*(*file)->read(*host, 5, 11)));
    EXPECT_TRUE((*file)->set_size(*host, 5));
    EXPECT_TRUE((*file)->sync(*host));
    EXPECT_TRUE((*file)->sync_data(*host));
    EXPECT_TRUE((*file)->advise(*host, 0, 0, Advice::will_need));
    EXPECT_EQ((*file)->stat(*host)->size, 5u);
    EXPECT_EQ(get(in_ / "new"), "hello");
  });
}

TEST_F(Filesystem, StreamsFiles) {
  with_folder(FolderAccess::read_write, [&](FileDescriptor& folder) {
    auto file = open(folder, "file", 0, kR | kW);
    ASSERT_TRUE(file);
    auto output = std::move(*(*file)->write_via_stream(*host, 3));
    EXPECT_TRUE(output->blocking_write_and_flush(bytes_of("12")).value());
    EXPECT_TRUE(output->blocking_write_and_flush(bytes_of("3")).value());
    auto append = std::move(*(*file)->append_via_stream(*host));
    EXPECT_TRUE(append->blocking_write_and_flush(bytes_of("!")).value());
    auto input = std::move(*(*file)->read_via_stream(*host, 2));
    file->reset();
    EXPECT_EQ(text_of(good(input->blocking_read(100))), "n123t!");
    EXPECT_EQ(input->blocking_read(100).value().error().index(), 1u);
  });
}

TEST_F(Filesystem, AStreamsErrorHasItsErrno) {
  with_folder(FolderAccess::read_write, [&](FileDescriptor& folder) {
    auto file = open(folder, "file", 0, kW);
    ASSERT_TRUE(file);
    auto input = InputStream(file_source(
        [&] {
          OpenFilePtr broken(new OpenFile);
          broken->handle = FileHandle(::open(in_.c_str(), O_RDONLY));
          return broken;
        }(),
        0, pool));
    auto failed = input.read(1).value();
    ASSERT_FALSE(failed);
    auto& error = *std::get<0>(failed.error());
    EXPECT_EQ(file_error_of(error.number()), FileErrorCode::is_directory);
  });
}

TEST_F(Filesystem, ListsFolders) {
  with_folder(FolderAccess::read_only, [&](FileDescriptor& folder) {
    for (int index = 0; index < 300; ++index) put(in_ / ("f" + std::to_string(index)), "");
    std::set<std::string> names;
    auto stream = std::move(*folder.read_directory(*host));
    while (auto entry = *stream->read_entry(*host)) {
      names.insert(entry->name);
      EXPECT_EQ(entry->type, entry->name == "sub" ? FileType::directory : FileType::regular_file);
    }
    EXPECT_EQ(names.size(), 302u);
    EXPECT_FALSE(stream->read_entry(*host)->has_value());
  });
}

TEST_F(Filesystem, ChangesFolders) {
  with_folder(FolderAccess::read_write, [&](FileDescriptor& folder) {
    EXPECT_TRUE(folder.create_directory_at(*host, "a/"));
    EXPECT_REFUSED(folder.create_directory_at(*host, "a"), exist);
    EXPECT_TRUE(folder.rename_at(*host, "file", folder, "a/moved"));
    EXPECT_TRUE(folder.link_at(*host, kStay, "a/moved", folder, "hard"));
    EXPECT_TRUE(folder.symlink_at(*host, "a/moved", "soft"));
    EXPECT_EQ(*folder.readlink_at(*host, "soft"), "a/moved");
    EXPECT_EQ(folder.stat_at(*host, kStay, "soft")->type, FileType::symbolic_link);
    EXPECT_EQ(folder.stat_at(*host, kFollow, "soft")->link_count, 2u);
    EXPECT_REFUSED(open(folder, "soft", 0, kR, false), loop);
    EXPECT_TRUE(open(folder, "soft", 0, kR));
    EXPECT_REFUSED(folder.remove_directory_at(*host, "a"), not_empty);
    EXPECT_REFUSED(folder.unlink_file_at(*host, "a"), is_directory);
    EXPECT_TRUE(folder.unlink_file_at(*host, "a/moved"));
    EXPECT_TRUE(folder.remove_directory_at(*host, "a"));
    EXPECT_EQ(get(in_ / "hard"), "content");
    EXPECT_REFUSED(folder.remove_directory_at(*host, "hard"), not_directory);
  });
}

TEST_F(Filesystem, SetsTimes) {
  with_folder(FolderAccess::read_write, [&](FileDescriptor& folder) {
    const Datetime when{1'000'000'000, 5};
    EXPECT_TRUE(folder.set_times_at(*host, kFollow, "file", NewTimestamp(std::in_place_index<2>, when),
                                    NewTimestamp(std::in_place_index<0>)));
    EXPECT_EQ(folder.stat_at(*host, kFollow, "file")->accessed->seconds, when.seconds);
    EXPECT_EQ(folder.stat_at(*host, kFollow, "file")->accessed->nanoseconds, 5u);
    EXPECT_TRUE(folder.set_times(*host, NewTimestamp(std::in_place_index<1>),
                                 NewTimestamp(std::in_place_index<2>, when)));
    EXPECT_EQ(folder.stat(*host)->modified->seconds, when.seconds);
    EXPECT_REFUSED(folder.set_times_at(*host, kFollow, "file",
                                       NewTimestamp(std::in_place_index<2>, Datetime{1, 1'000'000'000}),
                                       NewTimestamp(std::in_place_index<0>)),
                   invalid);
    EXPECT_REFUSED(folder.set_times(*host, NewTimestamp(std::in_place_index<2>, Datetime{UINT64_MAX, 0}),
                                    NewTimestamp(std::in_place_index<0>)),
                   overflow);
  });
}

TEST_F(Filesystem, TellsObjectsApart) {
  with_folder(FolderAccess::read_write, [&](FileDescriptor& folder) {
    auto one = std::move(*open(folder, "file", 0, kR | kW)),
         same = std::move(*open(folder, "sub/../file", 0, kR));
    EXPECT_TRUE(one->is_same_object(*same));
    EXPECT_FALSE(one->is_same_object(folder));
    EXPECT_EQ(one->metadata_hash(*host)->lower, folder.metadata_hash_at(*host, kFollow, "file")->lower);
    const uint64_t before = one->metadata_hash(*host)->upper;
    EXPECT_EQ(one->write(*host, bytes_of("longer than before"), 0), 18u);
    EXPECT_NE(one->metadata_hash(*host)->upper, before);
  });
}

TEST_F(Filesystem, KeepsToTheRightsOfADescriptor) {
  with_folder(FolderAccess::read_write, [&](FileDescriptor& folder) {
    auto reader = std::move(*open(folder, "file", 0, kR)), writer = std::move(*open(folder, "file", 0, kW));
    EXPECT_REFUSED(reader->write(*host, bytes_of("x"), 0), bad_descriptor);
    EXPECT_REFUSED(reader->write_via_stream(*host, 0), bad_descriptor);
    EXPECT_REFUSED(reader->set_size(*host, 0), bad_descriptor);
    EXPECT_REFUSED(writer->read(*host, 1, 0), bad_descriptor);
    EXPECT_REFUSED(writer->read_via_stream(*host, 0), bad_descriptor);
    EXPECT_REFUSED(reader->read(*host, 1, UINT64_MAX), invalid);
    EXPECT_REFUSED(reader->open_at(*host, kFollow, "x", {}, {}), not_directory);
    EXPECT_REFUSED(reader->read_directory(*host), not_directory);
    EXPECT_REFUSED(folder.read(*host, 1, 0), is_directory);
    EXPECT_TRUE(reader->get_flags()->has(kRead));
    EXPECT_FALSE(reader->get_flags()->has(kWrite));
  });
}

TEST_F(Filesystem, ChangesNothingInAReadOnlyFolder) {
  with_folder(FolderAccess::read_only, [&](FileDescriptor& folder) {
    EXPECT_REFUSED(open(folder, "new", 1u << kCreate, kW), read_only);
    EXPECT_REFUSED(open(folder, "new", 1u << kCreate, kR), read_only);
    EXPECT_REFUSED(open(folder, "file", 0, kW), read_only);
    EXPECT_REFUSED(open(folder, "file", 1u << kTruncate, kR), read_only);
    EXPECT_REFUSED(open(folder, "sub", 0, 1u << kMutateDirectory), read_only);
    EXPECT_REFUSED(folder.create_directory_at(*host, "a"), read_only);
    EXPECT_REFUSED(folder.unlink_file_at(*host, "file"), read_only);
    EXPECT_REFUSED(folder.remove_directory_at(*host, "sub"), read_only);
    EXPECT_REFUSED(folder.rename_at(*host, "file", folder, "b"), read_only);
    EXPECT_REFUSED(folder.link_at(*host, kStay, "file", folder, "b"), read_only);
    EXPECT_REFUSED(folder.symlink_at(*host, "file", "b"), read_only);
    EXPECT_REFUSED(folder.set_times(*host, {}, {}), read_only);
    EXPECT_REFUSED(folder.set_times_at(*host, kFollow, "file", {}, {}), read_only);
    auto file = std::move(*open(folder, "file", 0, kR));
    EXPECT_REFUSED(file->set_times(*host, {}, {}), read_only);
    auto sub = std::move(*open(folder, "sub", 1u << kDirectory, kR));
    EXPECT_REFUSED(open(*sub, "new", 1u << kCreate, kW), read_only);
    EXPECT_EQ(text_of(std::get<0>(*file->read(*host, 100, 0))), "content");
  });
}

// Every function that takes a path, with paths that lead out.
TEST_F(Filesystem, NoPathLeadsOut) {
  fs::create_symlink("..", in_ / "up");
  fs::create_symlink("../secret", in_ / "leak");
  fs::create_symlink(out_ / "secret", in_ / "absolute");
  fs::create_symlink("sub/../../secret", in_ / "winding");
  fs::create_symlink("/proc/self/cwd", in_ / "magic");
  with_folder(FolderAccess::read_write, [&](FileDescriptor& folder) {
    for (const std::string path :
         {"../secret", "/etc/passwd", "sub/../../secret", "up/secret", "leak", "absolute", "winding",
          "magic/x", "./../secret", "up/../up/secret", "/", "..", "leak/", "sub/../.."}) {
      SCOPED_TRACE(path);
      EXPECT_FALSE(open(folder, path, 0, kR));
      EXPECT_FALSE(open(folder, path, 1u << kCreate | 1u << kTruncate, kW));
      EXPECT_FALSE(folder.stat_at(*host, kFollow, path));
      EXPECT_FALSE(folder.metadata_hash_at(*host, kFollow, path));
      EXPECT_FALSE(folder.set_times_at(*host, kFollow, path, NewTimestamp(std::in_place_index<1>),
                                       NewTimestamp(std::in_place_index<1>)));
      EXPECT_FALSE(folder.link_at(*host, kFollow, path, folder, "linked"));
      EXPECT_FALSE(folder.readlink_at(*host, path + "/x"));
      EXPECT_FALSE(folder.create_directory_at(*host, path + "/made"));
      EXPECT_FALSE(folder.symlink_at(*host, "x", path + "/made"));
      EXPECT_FALSE(folder.unlink_file_at(*host, path + "/secret"));
      EXPECT_FALSE(folder.remove_directory_at(*host, path + "/in"));
      EXPECT_FALSE(folder.rename_at(*host, "file", folder, path + "/stolen"));
      EXPECT_FALSE(folder.rename_at(*host, path + "/secret", folder, "stolen"));
      EXPECT_FALSE(folder.link_at(*host, kStay, path + "/secret", folder, "stolen"));
      EXPECT_FALSE(folder.link_at(*host, kStay, "file", folder, path + "/stolen"));
    }
    EXPECT_REFUSED(open(folder, "../secret", 0, kR), not_permitted);
    EXPECT_REFUSED(open(folder, "/etc/passwd", 0, kR), not_permitted);
    EXPECT_REFUSED(folder.readlink_at(*host, "absolute"), not_permitted);
    EXPECT_REFUSED(folder.symlink_at(*host, "/etc/passwd", "mine"), not_permitted);
  });
  EXPECT_EQ(get(out_ / "secret"), "secret");
  EXPECT_EQ(std::distance(fs::directory_iterator(out_), fs::directory_iterator()), 2);
}

TEST_F(Filesystem, ActsOnLinksAndNotOnWhatTheyNameOutside) {
  fs::create_symlink("..", in_ / "up");
  fs::create_symlink("../secret", in_ / "leak");
  const auto before = fs::last_write_time(out_ / "secret");
  with_folder(FolderAccess::read_write, [&](FileDescriptor& folder) {
    const NewTimestamp old(std::in_place_index<2>, Datetime{1, 0});
    // A slash behind the name would make the kernel follow it.
    EXPECT_FALSE(folder.set_times_at(*host, kStay, "up/", old, old));
    EXPECT_FALSE(folder.stat_at(*host, kStay, "up/"));
    EXPECT_TRUE(folder.set_times_at(*host, kStay, "leak", old, old));
    EXPECT_FALSE(folder.remove_directory_at(*host, "up/"));
    EXPECT_FALSE(folder.unlink_file_at(*host, "leak/"));
    EXPECT_FALSE(folder.rename_at(*host, "up/", folder, "renamed"));
    EXPECT_FALSE(folder.link_at(*host, kStay, "leak/", folder, "linked"));
    EXPECT_TRUE(folder.rename_at(*host, "leak", folder, "sub/leak"));
    EXPECT_FALSE(open(folder, "sub/leak", 0, kR));
    EXPECT_TRUE(folder.unlink_file_at(*host, "sub/leak"));
    EXPECT_TRUE(folder.unlink_file_at(*host, "up"));
  });
  EXPECT_EQ(fs::last_write_time(out_ / "secret"), before);
  EXPECT_TRUE(fs::exists(out_ / "secret"));
}

TEST_F(Filesystem, PathsWithSpecialNamesGetTheirErrors) {
  with_folder(FolderAccess::read_write, [&](FileDescriptor& folder) {
    EXPECT_REFUSED(open(folder, "", 0, kR), no_entry);
    EXPECT_REFUSED(open(folder, std::string("file\0/x", 7), 0, kR), invalid);
    EXPECT_REFUSED(folder.create_directory_at(*host, "."), exist);
    EXPECT_REFUSED(folder.create_directory_at(*host, "sub/.."), exist);
    EXPECT_REFUSED(folder.remove_directory_at(*host, "."), invalid);
    EXPECT_REFUSED(folder.create_directory_at(*host, ".."), not_permitted);
    EXPECT_REFUSED(folder.create_directory_at(*host, std::string(300, 'x')), name_too_long);
    EXPECT_REFUSED(folder.unlink_file_at(*host, "file/"), not_directory);
    EXPECT_REFUSED(open(folder, "file", 1u << kDirectory, kR), not_directory);
    EXPECT_REFUSED(open(folder, "sub", 0, kW), is_directory);
    EXPECT_REFUSED(open(folder, "file", 1u << kCreate | 1u << kExclusive, kW), exist);
    EXPECT_REFUSED(open(folder, "x", 1u << kCreate | 1u << kDirectory, kW), invalid);
    EXPECT_TRUE(open(folder, ".", 1u << kDirectory, kR | 1u << kMutateDirectory));
  });
}

TEST_F(Filesystem, OpeningAFifoDoesNotWait) {
  ASSERT_EQ(mkfifo((in_ / "fifo").c_str(), 0600), 0);
  with_folder(FolderAccess::read_write, [&](FileDescriptor& folder) {
    EXPECT_TRUE(open(folder, "fifo", 0, kR));
    EXPECT_REFUSED(open(folder, "fifo", 0, kW), no_such_device);
  });
}

// A folder is swapped for a link to the outside while the guest resolves paths through it.
TEST_F(Filesystem, RacesDoNotLeadOut) {
  fs::create_directories(out_ / "outside");
  put(out_ / "outside" / "file", "secret");
  fs::create_directories(in_ / "a" / "b");
  put(in_ / "a" / "b" / "file", "inside");
  fs::create_symlink("../../outside", in_ / "a" / "link");
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    const std::string a = (in_ / "a" / "b").string(), link = (in_ / "a" / "link").string();
    const std::string away = (out_ / "away").string();
    while (!stop) {
      (void)renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE);
      if (rename(a.c_str(), away.c_str()) == 0) (void)rename(away.c_str(), a.c_str());
    }
  });
  size_t read = 0;
  with_folder(FolderAccess::read_write, [&](FileDescriptor& folder) {
    for (int attempt = 0; attempt < 3000; ++attempt) {
      for (const char* path : {"a/b/file", "a/b/../b/file", "a/b/../../../secret"}) {
        auto file = open(folder, path, 0, kR);
        if (!file) continue;
        ++read;
        EXPECT_EQ(text_of(std::get<0>(*(*file)->read(*host, 100, 0))), "inside");
      }
      (void)folder.create_directory_at(*host, "a/b/../made");
      (void)folder.create_directory_at(*host, "a/b/made");
      (void)folder.remove_directory_at(*host, "a/b/made");
    }
  });
  stop = true;
  swapper.join();
  EXPECT_GT(read, 0u);
  EXPECT_FALSE(fs::exists(out_ / "made"));
  EXPECT_FALSE(fs::exists(out_ / "outside" / "made"));
}

TEST_F(Filesystem, BoundsOpenFiles) {
  with_folder(FolderAccess::read_write, [&](FileDescriptor& folder) {
    std::vector<std::unique_ptr<FileDescriptor>> files;
    for (;;) {
      auto file = open(folder, "file", 0, kR);
      if (!file) {
        EXPECT_EQ(file.error(), FileErrorCode::insufficient_memory);
        break;
      }
      files.push_back(std::move(*file));
      ASSERT_LE(files.size(), 1024u);
    }
    EXPECT_GT(files.size(), 100u);
    files.clear();
    EXPECT_TRUE(open(folder, "file", 0, kR));
  });
}

TEST_F(Filesystem, RefusesAFolderThatIsNone) {
  on_fiber([&] {
    auto missing = context->add_folder((out_ / "missing").string(), "/", FolderAccess::read_only);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
    auto file = context->add_folder((out_ / "secret").string(), "/", FolderAccess::read_only);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code(), ErrorCode::invalid_argument);
  });
}

TEST(FileErrors, EveryErrnoHasACode) {
  EXPECT_EQ(file_error_of(ENOENT), FileErrorCode::no_entry);
  EXPECT_EQ(file_error_of(EROFS), FileErrorCode::read_only);
  for (int number = 1; number < 140; ++number)
    EXPECT_LT(static_cast<uint32_t>(file_error_of(number)), kCaseCount<FileErrorCode>);
}

}  // namespace
}  // namespace wattle::wasi
