#include "cli/lattice_connection.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace wattle::cli {
namespace {

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() {
    std::string pattern = testing::TempDir() + "wattle-connection-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    setenv("XDG_RUNTIME_DIR", folder_.c_str(), 1);
  }
  ~ConnectionTest() override {
    unsetenv("XDG_RUNTIME_DIR");
    std::filesystem::remove_all(folder_);
  }
  void write(const Connection& connection) {
    ASSERT_TRUE(make_private_folder(runtime_folder()));
    ASSERT_TRUE(write_private_file(connection_path(connection.lattice), to_json(connection)));
  }

  std::string folder_;
  const Connection connection_{.lattice = "shop",
                               .url = "nats://127.0.0.1:4333",
                               .websocket_url = "ws://127.0.0.1:4334",
                               .credentials_file = "/state/client.creds",
                               .account_key_file = "/state/account.nk",
                               .secrets_key_file = "/state/secrets.nk",
                               .secrets_folder = "/state/secrets",
                               .processes = {mark_of("supervisor", getpid())}};
};

TEST_F(ConnectionTest, IsReadAsItWasWritten) {
  write(connection_);
  EXPECT_EQ(read_connection(connection_path("shop")).value(), connection_);
  struct stat status{};
  stat(connection_path("shop").c_str(), &status);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  stat(runtime_folder().c_str(), &status);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(ConnectionTest, IsFoundWhileItsSupervisorLives) {
  write(connection_);
  EXPECT_EQ(find_connection({.lattice = "shop"})->url, connection_.url);
  EXPECT_EQ(find_connection({.lattice = "shop"})->credentials_file, connection_.credentials_file);
  EXPECT_EQ(find_connection({.lattice = "shop", .credentials_file = "mine"})->credentials_file, "mine");
  EXPECT_EQ(find_connection({.lattice = "shop", .url = "nats://x"})->url, "nats://x");
  EXPECT_EQ(find_connection({.lattice = "other"})->url, "nats://127.0.0.1:4222");
  Connection stale = connection_;
  --stale.processes.front().started;
  write(stale);
  EXPECT_EQ(find_connection({.lattice = "shop"})->url, "nats://127.0.0.1:4222");
}

TEST_F(ConnectionTest, ANewerFormatIsRefusedAndLeft) {
  const auto refused = parse_connection(R"({"format":2,"lattice":"a","url":"nats://x"})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::unsupported);
  EXPECT_NE(refused.error().message().find("format 2"), std::string::npos);
}

TEST_F(ConnectionTest, WhatIsNoConnectionIsRefused) {
  for (const char* text :
       {"", "[]", "{}", R"({"format":0,"lattice":"a","url":"b"})", R"({"format":1,"lattice":"a"})",
        R"({"format":1,"lattice":"a","url":7})", R"({"format":1,"lattice":"a","url":"b","processes":7})",
        R"({"format":1,"lattice":"a","url":"b","processes":[{"pid":1}]})",
        R"({"format":1,"lattice":"a","url":"b","processes":[{"pid":-1,"started":1}]})",
        R"({"format":1,"lattice":"a","url":"b","processes":[{"pid":99999999999,"started":1}]})"})
    EXPECT_EQ(parse_connection(text).error().code(), ErrorCode::malformed) << text;
}

TEST_F(ConnectionTest, WhatOthersMayReadOrWriteIsRefused) {
  write(connection_);
  chmod(connection_path("shop").c_str(), 0644);
  EXPECT_EQ(find_connection({.lattice = "shop"}).error().code(), ErrorCode::permission_denied);
  chmod(runtime_folder().c_str(), 0777);
  EXPECT_EQ(make_private_folder(runtime_folder()).error().code(), ErrorCode::permission_denied);
}

}  // namespace
}  // namespace wattle::cli
