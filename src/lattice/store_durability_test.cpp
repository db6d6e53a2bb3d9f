// The store's process is killed at every single write, sync, truncation and deletion of its files; what was
// acknowledged must be there afterwards, and what was deleted must not, with the bucket gone too.
#include <fstream>
#include <thread>

#include "lattice/bus_test_support.h"
#include "lattice/store.h"
#include "lattice/store_test_disk.h"

namespace wattle::lattice {
namespace {

using nats::run_test;

using Content = std::map<std::string, std::string>;

// In memory, since the machine itself does not fail.
class Folder {
 public:
  Folder() {
    std::string name =
        std::filesystem::exists("/dev/shm") ? "/dev/shm/wattle_test_XXXXXX" : "/tmp/wattle_test_XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Step {
  std::string key;
  std::optional<std::string> value;  // none: deleted
};

// Two times that the store is opened.
const std::vector<std::vector<Step>>& script() {
  static const std::vector<std::vector<Step>> steps = {
      {{"link/a", "1"},
       {"link/b", std::string(9000, 'b')},
       {"link/a", std::nullopt},
       {"config/c", ""},
       {"link/a", "2"}},
      {{"link/b", std::nullopt}, {"link/a", std::nullopt}, {"link/b", "3"}, {"config/d", "4"}},
  };
  return steps;
}

// The content after the first `count` steps.
Content content_after(size_t count) {
  Content content;
  for (const auto& part : script())
    for (const Step& step : part) {
      if (count-- == 0) return content;
      if (step.value) {
        content[step.key] = *step.value;
      } else {
        content.erase(step.key);
      }
    }
  return content;
}

StoreOptions options_for(const Folder& folder) {
  StoreOptions options;
  options.path = folder.path() + "/store";
  options.copies.dead_after = Duration::zero();  // there is no other copy to wait for
  return options;
}

void run_script(const Folder& folder) {
  const int acknowledged =
      ::open((folder.path() + "/acknowledged").c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  for (const auto& part : script())
    run_test([&](async::Worker& worker) {
      MemoryBroker broker;
      MemoryBus bus(worker, broker);
      auto store = Store::open(bus, options_for(folder)).value();
      for (const Step& step : part) {
        const auto done = step.value ? store->put(step.key, *step.value) : store->remove(step.key);
        if (!done || ::write(acknowledged, ".", 1) != 1) ::_exit(1);
      }
    });
}

// How many steps were acknowledged.
size_t run_in_child(const Folder& folder, int request, TestDisk::End how, int& status) {
  const pid_t child = ::fork();
  if (child == 0) {
    TestDisk::install();
    TestDisk::end_at(request, how);
    run_script(folder);
    ::_exit(0);
  }
  ::waitpid(child, &status, 0);
  const std::string file = folder.path() + "/acknowledged";
  const size_t count = std::filesystem::exists(file) ? std::filesystem::file_size(file) : 0;
  std::filesystem::remove(file);
  return count;
}

Content content_of(Store& store) {
  Content content;
  const auto now = store.snapshot();
  for (const auto& [key, value] : now->values()) content[key] = *value;
  return content;
}

// Opens what is left, with a bus that knows nothing; twice, with a write in between.
void check(const Folder& folder, size_t acknowledged) {
  Content found;
  for (int round = 0; round < 2; ++round)
    run_test([&](async::Worker& worker) {
      MemoryBroker broker;
      MemoryBus bus(worker, broker);
      auto store = Store::open(bus, options_for(folder));
      ASSERT_TRUE(store) << store.error().full_message();
      if (round == 0) {
        found = content_of(**store);
        EXPECT_TRUE(found == content_after(acknowledged) || found == content_after(acknowledged + 1))
            << testing::PrintToString(found);
        ASSERT_TRUE((*store)->put("after", "all"));
        found["after"] = "all";
      }
      ASSERT_TRUE((*store)->wait_ready());
      EXPECT_EQ(content_of(**store), found);
    });
}

// The thread sanitizer makes a process that ends so dear, and is after other things.
#ifdef WATTLE_SANITIZE_THREAD
constexpr int kRequestStep = 12;
#else
constexpr int kRequestStep = 1;
#endif

class StoreDurability : public testing::TestWithParam<TestDisk::End> {};

INSTANTIATE_TEST_SUITE_P(, StoreDurability,
                         testing::Values(TestDisk::End::before, TestDisk::End::torn,
                                         TestDisk::End::power_cut));

TEST_P(StoreDurability, NothingAcknowledgedIsLost) {
  int killed = 0;
  size_t most = 0;
  for (int request = 1;; request += kRequestStep) {
    SCOPED_TRACE(fmt::format("request {}", request));
    ASSERT_LT(request, 1000);
    const Folder folder;
    int status = 0;
    const size_t acknowledged = run_in_child(folder, request, GetParam(), status);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 0) break;
    ASSERT_EQ(WEXITSTATUS(status), 9);
    ++killed;
    most = std::max(most, acknowledged);
    if (GetParam() == TestDisk::End::power_cut) TestDisk::lose_unsynced(folder.path());
    check(folder, acknowledged);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
  // Killed from the file's first byte until after the last step, in the last close.
  EXPECT_GT(killed, 40 / kRequestStep);
  EXPECT_GE(most + (kRequestStep - 1), script()[0].size() + script()[1].size());
}

}  // namespace
}  // namespace wattle::lattice
