#include "host/machine.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "nats/test_server.h"

namespace wattle::host {
namespace {

// A machine whose control groups are these files.
class Machine : public ::testing::Test {
 protected:
  void write(const std::string& path, std::string_view text) const {
    const std::filesystem::path file = folder_.path() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void in_group(std::string_view lines) const { write("/proc/self/cgroup", lines); }
  MachineCapacity capacity() const { return machine_capacity(folder_.path()); }

  nats::TestFolder folder_;
};

TEST_F(Machine, HasMemoryAndCpus) {
  EXPECT_GT(capacity().memory_bytes, uint64_t{1} << 20);
  EXPECT_GE(capacity().milli_cpus, 1000u);
}

TEST_F(Machine, LimitsOfGroupsAroundTheOwnHold) {
  in_group("0::/outer/inner\n");
  write("/sys/fs/cgroup/outer/inner/memory.max", "max\n");
  write("/sys/fs/cgroup/outer/memory.max", "1048576\n");
  write("/sys/fs/cgroup/outer/inner/cpu.max", "50000 100000\n");
  write("/sys/fs/cgroup/outer/cpu.max", "max 100000\n");
  EXPECT_EQ(capacity().memory_bytes, 1048576u);
  EXPECT_EQ(capacity().milli_cpus, 500u);
}

TEST_F(Machine, AContainerSeesItsOwnGroupAsTheWhole) {
  in_group("0::/system.slice/some-container\n");
  write("/sys/fs/cgroup/memory.max", "2097152\n");
  EXPECT_EQ(capacity().memory_bytes, 2097152u);
}

TEST_F(Machine, VersionOneHolds) {
  in_group("5:cpu,cpuacct:/own\n4:memory:/own\n0::/\n");
  write("/sys/fs/cgroup/memory/own/memory.limit_in_bytes", "3145728\n");
  write("/sys/fs/cgroup/cpu/own/cpu.cfs_quota_us", "25000\n");
  write("/sys/fs/cgroup/cpu/own/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(capacity().memory_bytes, 3145728u);
  EXPECT_EQ(capacity().milli_cpus, 250u);
}

TEST_F(Machine, IsToldInLabels) {
  EXPECT_EQ(capacity_labels({.memory_bytes = 4096, .milli_cpus = 2500}),
            (lattice::StringMap{{"hostcore.cpus", "2.5"}, {"hostcore.memory", "4096"}}));
  EXPECT_EQ(capacity_labels({.milli_cpus = 4000}), (lattice::StringMap{{"hostcore.cpus", "4"}}));
  EXPECT_TRUE(capacity_labels({}).empty());
}

}  // namespace
}  // namespace wattle::host
