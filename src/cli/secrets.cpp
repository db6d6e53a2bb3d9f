// wattle secrets: values that nobody sees but who is given them. A value is put into a backend, and a config
// SECRET_NAME refers to it, which components, providers and links are given like any other config.

#include <fcntl.h>
#include <sodium.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/lattice_session.h"
#include "cli/secret_backends.h"
#include "cli/table.h"
#include "providers/secrets_provider.h"

namespace wattle::cli {
namespace {

using lattice::SecretReference;

constexpr size_t kValueBytesMax = 256 * 1024;  // sealed, it must fit into a message
constexpr Duration kBackendTimeout = std::chrono::seconds(10);

struct SecretOptions : LatticeOptions {
  std::string name;
  SecretReference reference{.backend = "nats"};
  std::string value_file;
  std::string key_file;
  std::string folder;
  bool reveal = false;
};

SecretBackends backends_of(Lattice& lattice, const SecretOptions& options) {
  Connection connection = lattice.connection;
  if (!options.key_file.empty()) connection.secrets_key_file = options.key_file;
  if (!options.folder.empty()) connection.secrets_folder = options.folder;
  return SecretBackends(lattice.bus.worker(), lattice.blocking, std::move(connection));
}

// Keeps a terminal from showing what is typed. Ctrl-C then ends what is read, not the program, which would
// leave the terminal so.
class Unseen {
 public:
  explicit Unseen(int terminal) : terminal_(terminal), is_one_(tcgetattr(terminal, &before_) == 0) {
    if (!is_one_) return;
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    hidden.c_cc[VEOL] = hidden.c_cc[VINTR];
    tcsetattr(terminal_, TCSAFLUSH, &hidden);
    std::fputs("value (it is not shown; end with Enter and Ctrl-D): ", stderr);
  }
  ~Unseen() {
    if (!is_one_) return;
    tcsetattr(terminal_, TCSAFLUSH, &before_);
    std::fputs("\n", stderr);
  }
  // Whether what was read last ends it.
  bool is_interrupted(std::string_view text) const {
    return is_one_ && text.ends_with(static_cast<char>(before_.c_cc[VINTR]));
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

 private:
  int terminal_;
  termios before_{};
  bool is_one_;
};

Result<std::string> read_all(int descriptor, const std::string& what) {
  const Unseen unseen(descriptor);
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(ErrorCode::io, "cannot read {}: {}", what, std::strerror(errno));
    if (count == 0) break;
    text.append(buffer, static_cast<size_t>(count));
    if (unseen.is_interrupted(text)) return failure(ErrorCode::cancelled, "interrupted");
    if (text.size() > kValueBytesMax)
      return failure(ErrorCode::invalid_argument, "a secret has at most {} bytes", kValueBytesMax);
  }
  sodium_memzero(buffer, sizeof buffer);
  return text;
}

// Never from an argument, which everybody on the machine can read.
Result<std::string> read_value(const std::string& file) {
  if (file.empty() || file == "-") return read_all(STDIN_FILENO, "the value from standard input");
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return failure(Error(errno == ENOENT ? ErrorCode::not_found : ErrorCode::io,
                         fmt::format("cannot read \"{}\": {}", file, std::strerror(errno)))
                       .with_remedy("name a file with the value, or - for standard input"));
  auto value = read_all(descriptor, fmt::format("\"{}\"", file));
  close(descriptor);
  return value;
}

boost::json::object json_of(const std::string& name, const SecretReference& reference) {
  boost::json::object object{{"secret", name},
                             {"config", lattice::secret_config(name)},
                             {"seen_as", reference.name},
                             {"backend", reference.backend},
                             {"key", reference.key}};
  if (!reference.field.empty()) object["field"] = reference.field;
  if (!reference.version.empty()) object["version"] = reference.version;
  return object;
}

Result<void> put_secret(Lattice& lattice, const SecretOptions& options, const Output& output) {
  const std::string config = lattice::secret_config(options.name);
  WATTLE_CHECK(lattice::check_id(config, "the secret's name"));
  SecretReference reference = options.reference;
  if (reference.name.empty()) reference.name = options.name;
  if (reference.key.empty()) reference.key = options.name;
  if (SecretBackends::keeps(reference.backend) && reference.version.empty()) {
    WATTLE_TRY(auto value, async::offload(lattice.blocking, [&] { return read_value(options.value_file); }));
    const bool is_bytes = !providers::is_utf8(value);
    if (!is_bytes && value.ends_with('\n')) value.pop_back();
    if (value.empty())
      return failure(Error(ErrorCode::invalid_argument, "the secret's value is empty")
                         .with_remedy("give it on standard input, or with --from-file FILE"));
    const async::DeadlineScope deadline(Clock::now() + kBackendTimeout);
    auto backends = backends_of(lattice, options);
    WATTLE_TRY(reference.version, backends.put(reference.backend, reference.key, value, is_bytes));
    sodium_memzero(value.data(), value.size());
  }
  WATTLE_CHECK(lattice.control.put_config(config, lattice::to_map(reference)));
  if (output.json()) {
    auto told = json_of(options.name, reference);
    told["result"] = "put";
    output.line(boost::json::serialize(told));
  } else {
    output.line(fmt::format("secret {} put{}; give it as the config {}", options.name,
                            reference.version.empty() ? "" : ", version " + reference.version, config));
  }
  return {};
}

Result<SecretReference> reference_of(Lattice& lattice, const std::string& name) {
  const std::string config = lattice::secret_config(name);
  WATTLE_CHECK(lattice::check_id(config, "the secret's name"));
  const auto values = lattice.control.config(config);
  if (values) return lattice::parse_secret_reference(config, *values);
  if (values.error().code() != ErrorCode::not_found) return failure(values.error());
  return failure(Error(ErrorCode::not_found,
                       fmt::format("there is no secret \"{}\" in the lattice \"{}\"", name, lattice.name))
                     .with_remedy(fmt::format(
                         "\"wattle secrets get\" lists all; \"wattle secrets put {}\" makes it", name)));
}

Result<void> list_secrets(Lattice& lattice, const Output& output) {
  WATTLE_TRY(const auto configs, config_names(lattice));
  Table table({"NAME", "BACKEND", "KEY", "VERSION", "SEEN AS"});
  boost::json::array items;
  for (const auto& config : configs) {
    if (!lattice::names_secret(config)) continue;
    const std::string name = config.substr(lattice::secret_config("").size());
    const auto reference = reference_of(lattice, name);
    if (!reference) continue;  // it was deleted meanwhile, or is none
    table.add({name, reference->backend, reference->key, reference->version, reference->name});
    items.push_back(json_of(name, *reference));
  }
  if (output.json()) {
    output.line(boost::json::serialize(items));
  } else {
    output.line(table.empty() ? fmt::format("There are no secrets in the lattice \"{}\".", lattice.name)
                              : table.text());
  }
  return {};
}

std::string base64(const std::string& bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), kVariant);
  text.pop_back();  // the terminator
  return text;
}

Result<void> get_secret(Lattice& lattice, const SecretOptions& options, const Output& output) {
  if (options.name.empty()) return list_secrets(lattice, output);
  WATTLE_TRY(const auto reference, reference_of(lattice, options.name));
  auto told = json_of(options.name, reference);
  if (options.reveal) {
    const async::DeadlineScope deadline(Clock::now() + kBackendTimeout);
    auto backends = backends_of(lattice, options);
    WATTLE_TRY(const auto secret, backends.get(reference, ""));
    if (!output.json()) {
      output.line(secret.is_bytes ? base64(secret.value) : secret.value);
      return {};
    }
    if (secret.is_bytes)
      told["base64"] = base64(secret.value);
    else
      told["value"] = secret.value;
  }
  if (output.json()) {
    output.line(boost::json::serialize(told));
    return {};
  }
  Table table({"NAME", "BACKEND", "KEY", "FIELD", "VERSION", "SEEN AS", "CONFIG"});
  table.add({options.name, reference.backend, reference.key, reference.field, reference.version,
             reference.name, lattice::secret_config(options.name)});
  output.line(table.text());
  return {};
}

// The reference first: from then on nobody is given it, and hosts forget it.
Result<void> delete_secret(Lattice& lattice, const SecretOptions& options, const Output& output) {
  WATTLE_TRY(const auto reference, reference_of(lattice, options.name));
  WATTLE_CHECK(lattice.control.delete_config(lattice::secret_config(options.name)));
  if (SecretBackends::keeps(reference.backend)) {
    const async::DeadlineScope deadline(Clock::now() + kBackendTimeout);
    auto backends = backends_of(lattice, options);
    auto removed = backends.remove(reference.backend, reference.key);
    if (!removed && removed.error().code() != ErrorCode::not_found)
      return failure(removed.error().with_context(fmt::format(
          "the secret {} refers to nothing any more, but its value is still kept", options.name)));
  }
  if (output.json()) {
    auto told = json_of(options.name, reference);
    told["result"] = "deleted";
    output.line(boost::json::serialize(told));
  } else {
    output.line(fmt::format("secret {} deleted", options.name));
  }
  return {};
}

CLI::App* add(CLI::App& secrets, Session& session, const std::string& name, const std::string& what,
              std::shared_ptr<SecretOptions> options,
              Result<void> (*work)(Lattice&, const SecretOptions&, const Output&)) {
  auto* verb = secrets.add_subcommand(name, what);
  options->add_to(*verb);
  verb->add_option("--secrets-key", options->key_file, "The key of the backend nats; that of \"wattle up\"")
      ->type_name("FILE");
  verb->add_option("--secrets-dir", options->folder, "The folder of the backend file; that of \"wattle up\"")
      ->type_name("FOLDER");
  on_lattice<SecretOptions>(*verb, session, std::move(options), work);
  return verb;
}

void add_put(CLI::App& secrets, Session& session) {
  auto options = std::make_shared<SecretOptions>();
  auto* verb = add(secrets, session, "put", "Keeps a value, or a newer version of it", options, put_secret);
  verb->add_option("name", options->name, "The secret's name")->required();
  verb->add_option("--from-file", options->value_file, "Where its value is; otherwise standard input")
      ->type_name("FILE");
  auto& reference = options->reference;
  verb->add_option("--backend", reference.backend,
                   "nats (sealed, in the lattice), file (on this machine), or the name of a backend on the "
                   "bus, which has the value already")
      ->capture_default_str();
  verb->add_option("--as", reference.name, "What who is given it calls it; otherwise its name")
      ->type_name("NAME");
  verb->add_option("--key", reference.key, "What the backend calls it; otherwise its name");
  verb->add_option("--field", reference.field, "Of a value that is a JSON object, this field alone");
  verb->add_option("--version", reference.version, "A version that the backend has already");
  verb->add_option("--policy", reference.policy, "What a backend on the bus is told of the application")
      ->type_name("JSON");
  verb->footer(
      "Examples:\n"
      "  wattle secrets put token < token.txt\n"
      "  wattle start component shop.wasm --id shop --config SECRET_token\n"
      "  wattle secrets put redis-password --as password --from-file password.txt\n"
      "  wattle link put shop kv wasi:keyvalue --interface store --target-config SECRET_redis-password");
}

}  // namespace

void add_secrets(CLI::App& app, Session& session) {
  auto* secrets = app.add_subcommand("secrets", "Puts, shows and deletes secrets");
  secrets->require_subcommand(1);
  secrets->footer("Example:\n  wattle secrets put token < token.txt");
  add_put(*secrets, session);
  auto shown = std::make_shared<SecretOptions>();
  auto* get = add(*secrets, session, "get", "Lists secrets, or shows where one is kept", shown, get_secret);
  get->add_option("name", shown->name, "The secret's name");
  get->add_flag("--reveal", shown->reveal, "Its value (base64, if it is no text)");
  get->footer("Examples:\n  wattle secrets get\n  wattle secrets get token --reveal");
  auto deleted = std::make_shared<SecretOptions>();
  auto* del = add(*secrets, session, "del", "Deletes a secret, with its value in nats or file", deleted,
                  delete_secret);
  del->add_option("name", deleted->name, "The secret's name")->required();
  del->footer("Example:\n  wattle secrets del token");
}

}  // namespace wattle::cli
