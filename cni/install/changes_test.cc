#include "cni/install/changes.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::cni {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Files = std::vector<ConfFile>;

const std::string kNet = R"({"cniVersion":"1.1.0","name":"net","plugins":[{"type":"ptp"}]})";
const std::string kConf = "{\"cniVersion\":\"0.4.0\",\"name\":\"old\",\"type\":\"ptp\"}\n";

Json entry() {
  return entry_of("/run/espalier/pods.sock", std::chrono::seconds(15), {"a"});
}

Files after(Files files, const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    const auto found = std::find_if(files.begin(), files.end(),
                                    [&](const ConfFile& each) { return each.name == change.name; });
    if (!change.text) {
      files.erase(found);
    } else if (found == files.end()) {
      files.push_back({change.name, *change.text});
    } else {
      found->text = *change.text;
    }
  }
  std::sort(files.begin(), files.end(),
            [](const ConfFile& a, const ConfFile& b) { return a.name < b.name; });
  return files;
}

Files installed(const Files& files) {
  const auto changes = changes_to_install(files, entry());
  EXPECT_TRUE(changes) << changes.error().to_string();
  return changes ? after(files, *changes) : files;
}

TEST(Changes, TheFirstFileByNameIsTheNetwork) {
  const Files files{{"20-net.conflist", kNet}, {"10-net.conflist", kNet}, {"30-x.conf", kConf}};
  const auto changes = changes_to_install(files, entry());
  ASSERT_TRUE(changes);
  EXPECT_THAT(*changes, ElementsAre(Change{"10-net.conflist", *with_entry(kNet, entry())}));
  EXPECT_THAT(*changes_to_install(installed(files), entry()), IsEmpty());
  EXPECT_EQ(after(installed(files), changes_to_uninstall(installed(files))), after(files, {}));
}

TEST(Changes, AConfIsKeptUnderAnotherNameAndComesBack) {
  for (const char* name : {"10-old.conf", "10-old.json"}) {
    const Files files{{name, kConf}, {"20-net.conflist", kNet}};
    const auto changes = changes_to_install(files, entry());
    ASSERT_TRUE(changes);
    const std::string saved = std::string(name) + ".espalier-saved";
    EXPECT_THAT(*changes,
                ElementsAre(Change{saved, kConf},
                            Change{"10-old.conflist", *with_entry(*conflist_of(kConf), entry())},
                            Change{name, std::nullopt}));
    EXPECT_TRUE(is_conf_file(saved));
    EXPECT_THAT(*changes_to_install(installed(files), entry()), IsEmpty());
    EXPECT_EQ(after(installed(files), changes_to_uninstall(installed(files))), files);
  }
}

TEST(Changes, AConfThatItsOwnerWritesAnewIsTakenAnew) {
  Files files = installed({{"10-old.conf", kConf}});
  const std::string other = R"({"cniVersion":"0.4.0","name":"newer","type":"ptp"})";
  files.push_back({"10-old.conf", other});
  EXPECT_EQ(installed(files), installed({{"10-old.conf", other}}));
  // Undone at that moment, the newer one stays.
  EXPECT_EQ(after(files, changes_to_uninstall(files)), (Files{{"10-old.conf", other}}));
}

TEST(Changes, AConflistThatIsNotOursIsNotOverwritten) {
  const auto changes =
      changes_to_install({{"10-net.conf", kConf}, {"10-net.conflist", kNet}}, entry());
  EXPECT_EQ(changes.error().to_string(),
            "10-net.conf: is to become 10-net.conflist, which is there, too; one of them must go");
}

TEST(Changes, UndoneEverywhere) {
  Files files = installed({{"20-net.conflist", kNet}});
  files.push_back({"10-first.conflist", kNet});  // a network that came later
  files = installed(files);
  EXPECT_EQ(after(files, changes_to_uninstall(files)),
            (Files{{"10-first.conflist", kNet}, {"20-net.conflist", kNet}}));
  EXPECT_THAT(changes_to_uninstall({{"10-net.conflist", kNet}, {"bad.conflist", "{"}}), IsEmpty());
}

TEST(Changes, ErrorsNameTheFile) {
  EXPECT_EQ(changes_to_install({}, entry()).error().code, Code::kNotFound);
  EXPECT_EQ(changes_to_install({{"05-x.conflist", "{"}, {"10-net.conflist", kNet}}, entry())
                .error()
                .to_string(),
            "05-x.conflist: is no JSON");
  EXPECT_EQ(changes_to_install({{"05-x.conf", R"({"name":"x","cniVersion":"0.4.0"})"}}, entry())
                .error()
                .to_string(),
            "05-x.conf: type: is missing");
}

TEST(Changes, KnowsWhatIsOfInterest) {
  for (const char* name : {"10-a.conflist", "a.conf", "a.json", "a.conf.espalier-saved"})
    EXPECT_TRUE(is_conf_file(name)) << name;
  for (const char* name : {".10-a.conflist.new", "calico-kubeconfig", "a.conflist.bak", ""})
    EXPECT_FALSE(is_conf_file(name)) << name;
}

}  // namespace
}  // namespace espalier::cni
