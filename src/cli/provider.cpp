// wattle provider copy: what one backend holds goes to another one, while it is in use.

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/copy_ends.h"
#include "cli/link_copy.h"
#include "lattice/links.h"

namespace wattle::cli {
namespace {

constexpr Duration kProgressInterval = std::chrono::seconds(1);

struct CopyOptions : LatticeOptions {
  std::string from, to;  // SOURCE or SOURCE/LINK-NAME
  std::vector<std::string> buckets, containers;
  bool overwrite = false;
};

struct Kind {
  std::string_view package;
  std::string_view interface;  // that a link must have to be copied along
  std::string_view thing;      // what is copied
};
constexpr Kind kKeyValue{"keyvalue", "store", "keys"};
constexpr Kind kBlobstore{"blobstore", "blobstore", "objects"};

// "api/orders" in two; without a name it is "default".
lattice::LinkKey key_of(const std::string& text, const Kind& kind) {
  const size_t slash = text.find('/');
  return {.source_id = text.substr(0, slash),
          .name = slash == std::string::npos ? "default" : text.substr(slash + 1),
          .wit_namespace = "wasi",
          .wit_package = std::string(kind.package)};
}

Result<lattice::Link> find_link(const std::vector<lattice::Link>& links, const std::string& text,
                                const Kind& kind) {
  const auto key = key_of(text, kind);
  const auto found = std::find_if(links.begin(), links.end(), [&](const lattice::Link& link) {
    return link.source_id == key.source_id && link.name == key.name && link.wit_namespace == "wasi" &&
           link.wit_package == kind.package &&
           std::find(link.interfaces.begin(), link.interfaces.end(), kind.interface) != link.interfaces.end();
  });
  if (found != links.end()) return *found;
  return failure(
      Error(ErrorCode::not_found, fmt::format("\"{}\" has no link \"{}\" for wasi:{}/{}", key.source_id,
                                              key.name, kind.package, kind.interface))
          .with_remedy(fmt::format("wattle link put {} TARGET wasi:{} --interface {} --link-name {}",
                                   key.source_id, kind.package, kind.interface, key.name)));
}

// Whose writes nobody records.
void warn_of_others(const std::vector<lattice::Link>& links, const CopyPlan& plan, const Output& output) {
  for (const lattice::Link& link : links) {
    if (link.target != plan.from.target || link.wit_package != plan.from.wit_package || link == plan.from)
      continue;
    output.warning(Error(ErrorCode::invalid,
                         fmt::format("the link {} leads to \"{}\" too: it stays there, and what is written "
                                     "along it meanwhile is not copied",
                                     lattice::describe(link), link.target)));
  }
}

std::string progress(const CopyCounts& counts, const Kind& kind) {
  return fmt::format("{}: {} {} copied ({} MiB), {} copied again, {} verified", counts.doing, counts.copied,
                     kind.thing, counts.copied_bytes >> 20, counts.copied_again, counts.verified);
}

// A line on stderr that goes on in place on a terminal.
class ProgressLine {
 public:
  ProgressLine(async::Worker& worker, std::function<std::string()> text, bool json)
      : terminal_(::isatty(STDERR_FILENO) == 1), text_(std::move(text)) {
    if (json) return;
    fiber_ = worker.spawn([this] {
      while (async::sleep_for(kProgressInterval)) show();
      ended_ = true;
      changed_.notify();
    });
  }
  ~ProgressLine() {
    if (!fiber_) return;
    fiber_->cancel();
    const async::MaskScope mask;
    while (!ended_) (void)changed_.wait();
    if (terminal_) fmt::print(stderr, "\r\033[K");
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

 private:
  void show() const {
    if (terminal_)
      fmt::print(stderr, "\r\033[K{}", text_());
    else
      fmt::print(stderr, "{}\n", text_());
  }

  const bool terminal_;
  const std::function<std::string()> text_;
  std::shared_ptr<async::Fiber> fiber_;
  bool ended_ = false;
  async::Signal changed_;
};

Result<CopyPlan> make_plan(const std::vector<lattice::Link>& links, const CopyOptions& options,
                           const Kind& kind) {
  CopyPlan plan;
  WATTLE_TRY(plan.from, find_link(links, options.from, kind));
  WATTLE_TRY(plan.to, find_link(links, options.to, kind));
  plan.containers = options.containers.empty() ? options.buckets : options.containers;
  if (plan.containers.empty()) plan.containers = {"default"};
  plan.overwrite = options.overwrite;
  if (plan.from.target == plan.to.target)
    return failure(
        Error(ErrorCode::invalid_argument, fmt::format("both links lead to \"{}\"", plan.from.target))
            .with_remedy("start the other backend's provider under an id of its own, and put the "
                         "second link to that"));
  return plan;
}

Result<void> copy(Lattice& lattice, const CopyOptions& options, const Output& output) {
  if (!options.buckets.empty() && !options.containers.empty())
    return failure(Error(ErrorCode::invalid_argument, "--bucket and --container do not go together")
                       .with_remedy("copy the one, then the other"));
  const Kind& kind = options.containers.empty() ? kKeyValue : kBlobstore;
  WATTLE_TRY(const auto links, lattice.control.links());
  WATTLE_TRY(const CopyPlan plan, make_plan(links, options, kind));
  warn_of_others(links, plan, output);
  WATTLE_TRY(const auto client, wrpc::Client::start(lattice.bus));
  const auto ends = &kind == &kKeyValue ? key_value_ends(*client, lattice.name, plan.from, plan.to)
                                        : blobstore_ends(*client, lattice.name, plan.from, plan.to);
  LinkCopy copying(lattice, plan, *ends);
  Result<CopyCounts> done;
  {
    const ProgressLine line(
        lattice.bus.worker(), [&] { return progress(copying.counts(), kind); }, output.json());
    done = copying.run();
  }
  if (!done) return failure(std::move(done).error());
  const auto held_ms = std::chrono::duration_cast<std::chrono::milliseconds>(done->held).count();
  if (output.json()) {
    output.line(fmt::format(R"({{"copied":{},"bytes":{},"copied_again":{},"verified":{},"held_ms":{},)"
                            R"("holds":{},"from":{},"to":{}}})",
                            done->copied, done->copied_bytes, done->copied_again, done->verified, held_ms,
                            done->holds, json_string(plan.from.target), json_string(plan.to.target)));
  } else {
    output.line(fmt::format(
        "{} {} copied ({} bytes), {} of them again, {} verified; calls were held for {} ms", done->copied,
        kind.thing, done->copied_bytes, done->copied_again, done->verified, held_ms));
    output.line(fmt::format("link \"{}\" of {} leads to {} now, no longer to {}", plan.from.name,
                            plan.from.source_id, plan.to.target, plan.from.target));
  }
  return {};
}

}  // namespace

void add_provider(CLI::App& app, Session& session) {
  auto* provider = app.add_subcommand("provider", "Exchanges providers under running applications");
  provider->require_subcommand(1);
  provider->footer("Example:\n  wattle provider copy --from shop-api --to shop-api/next");
  auto* verb = provider->add_subcommand(
      "copy", "Copies what a link leads to, while it is in use, then has the link lead to the copy");
  auto options = std::make_shared<CopyOptions>();
  options->add_to(*verb);
  verb->add_option("--from", options->from,
                   "The link that is in use: its source's id, and its name if it has one")
      ->type_name("SOURCE[/NAME]")
      ->required();
  verb->add_option("--to", options->to, "A second link, to the other backend")
      ->type_name("SOURCE[/NAME]")
      ->required();
  verb->add_option("--bucket", options->buckets, "A key-value bucket; give several times for more [default]")
      ->type_name("NAME")
      ->allow_extra_args(false);
  verb->add_option("--container", options->containers, "A blobstore container; give several times for more")
      ->type_name("NAME")
      ->allow_extra_args(false);
  verb->add_flag("--overwrite", options->overwrite, "Delete what the other backend holds in them already");
  verb->footer(
      "Calls go on meanwhile; they are held for less than a second at the end. After any error the link "
      "leads\n"
      "where it led. What is written to the backend otherwise than through this link is not seen.\n"
      "Example, from Redis to PostgreSQL:\n"
      "  wattle start provider builtin://keyvalue-postgres --id orders-pg\n"
      "  wattle link put shop-api orders-pg wasi:keyvalue --interface store --link-name next "
      "--target-config pg\n"
      "  wattle provider copy --from shop-api --to shop-api/next");
  on_lattice<CopyOptions>(*verb, session, options, copy);
}

}  // namespace wattle::cli
