// The components that run on one worker, each in one revision or in several, and which revision a call goes
// to: one by weight, where the lattice has weights for the component's id; else the newest.
//
//   running.put(spec, revision);
//   running.follow(weights);                       // and each new directory
//   const auto choice = running.choose("shop-api");
//   if (choice.here != nullptr) return (*choice.here)->run(call);
//   return remote.call(call, link, hosts, choice.image_ref);
//
// Shares are worked out when something is told, not when a call is made. Belongs to its worker.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "host/data_plane.h"
#include "host/revision.h"

namespace wattle::host {

class RunningComponents {
 public:
  // What a call goes to; good until the next change of what runs, or the fiber's next wait.
  struct Choice {
    const std::shared_ptr<Revision>* here = nullptr;  // null: it runs elsewhere, or nowhere
    std::string_view image_ref{};                     // that other hosts are to run; empty: any
  };

  explicit RunningComponents(std::string own_host) : own_host_(std::move(own_host)) {}

  // Takes the place of the one with the same digest; otherwise it is the newest.
  void put(const ComponentSpec& spec, std::shared_ptr<Revision> revision);
  // The same revision under another image reference.
  void rename(const RevisionKey& key, const std::string& image_ref);
  // Calls in flight hold what they use. What is not there is no failure.
  void remove(const std::string& id);
  void remove(const RevisionKey& key);
  bool has_only(const RevisionKey& key) const;

  void follow(std::shared_ptr<const lattice::WeightTable> weights);
  void follow(std::shared_ptr<const lattice::DirectorySnapshot> hosts);

  Choice choose(std::string_view id);
  // For a call that was sent here: the one of this image, else one of those here. Null: none runs here.
  const std::shared_ptr<Revision>* choose_here(std::string_view id, std::string_view image_ref);
  // Null: it does not run here.
  std::shared_ptr<Revision> find(const RevisionKey& key) const;
  const Revision* newest(std::string_view id) const;

  std::vector<std::string> ids() const;
  std::vector<std::shared_ptr<Revision>> revisions() const;
  // Those of one that are parked.
  std::vector<RevisionKey> parked(std::string_view id) const;
  void clear();

 private:
  struct Running {
    std::string digest;
    std::string image_ref;
    std::shared_ptr<Revision> revision;
  };
  struct Weighed {
    std::string image_ref;
    uint32_t weight = 0;
    std::shared_ptr<Revision> here;  // null: it runs on other hosts only
  };
  struct Shares {
    std::vector<Weighed> revisions;
    uint32_t total = 0;
    uint32_t total_here = 0;
  };
  struct Component {
    std::vector<Running> revisions;  // at least one, the newest first
    const Shares* shares = nullptr;  // null: nothing is weighed
  };

  void refresh();
  Shares share(std::string_view id, const lattice::RevisionWeights& weights) const;
  const Running* find_image(std::string_view id, std::string_view image_ref) const;

  const std::string own_host_;
  std::map<std::string, Component, std::less<>> components_;
  std::shared_ptr<const lattice::WeightTable> weights_ = std::make_shared<const lattice::WeightTable>();
  std::shared_ptr<const lattice::DirectorySnapshot> hosts_;
  // Of the ids with weights of which one holds: its revision runs somewhere.
  std::map<std::string, Shares, std::less<>> shares_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace wattle::host
