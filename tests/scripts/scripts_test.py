#!/usr/bin/env python3
"""scripts/setup and scripts/test against stand-ins for apt, dpkg, sudo, ctest and the suites' runners."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"


class Tree(unittest.TestCase):
    """A repository that holds the real scripts, and a PATH whose first folder holds the stand-ins."""

    def setUp(self):
        self.root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.bin = self.root / "bin"
        self.calls = self.root / "calls"
        (self.root / "scripts").mkdir()
        for name in ("say.sh", "setup", "test"):
            shutil.copy(SCRIPTS / name, self.root / "scripts" / name)
        self.calls.touch()

    def command(self, path, body):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/bash\n" + body)
        path.chmod(0o755)

    def run_script(self, *command, path=None):
        done = subprocess.run(
            command, cwd=self.root, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            env={"PATH": path or f"{self.bin}:{os.environ['PATH']}", "CALLS": str(self.calls), "HOME": str(self.root)})
        return done.returncode, done.stdout

    def called(self):
        return self.calls.read_text().splitlines()


class SetupTest(Tree):
    def machine(self, packages, installed=(), available=(), user=0, install="exit 0", update=""):
        (self.root / "scripts" / "packages.txt").write_text("# a comment\n\n" + "\n".join(packages) + "\n")
        listed = "".join(f"{name} installed\\n" for name in installed)
        self.command("bin/dpkg-query", f"printf '{listed}'\n")
        (self.root / "available").write_text("".join(f"{name}\n" for name in available))
        self.command("bin/apt-cache", f'grep -qx "$2" {self.root}/available && echo "  Candidate: 1.0" || echo "  Candidate: (none)"\n')
        self.command("bin/apt-get", f'echo "apt-get ${{@:5}}" >>"$CALLS"\ncase " $* " in\n*" update "*) {update or "true"} ;;\n'
                                    f'*" install "*) {install} ;;\nesac\n')
        self.command("bin/id", f"echo {user}\n")
        self.command("bin/sudo", 'echo sudo >>"$CALLS"\nexec "$@"\n')

    def setup_script(self, **keywords):
        return self.run_script("scripts/setup", **keywords)

    def test_nothing_happens_when_all_is_there(self):
        self.machine(["git", "new-a|old-a"], installed=["git", "new-a"])
        self.assertEqual(self.setup_script(), (0, ""))
        self.assertEqual(self.called(), [])

    def test_installs_what_is_missing_and_only_that(self):
        self.machine(["git", "cmake  # the build", "ninja-build"], installed=["git"], available=["git", "cmake", "ninja-build"])
        self.assertEqual(self.setup_script()[0], 0)
        self.assertEqual(self.called(), ["apt-get install --no-install-recommends cmake ninja-build"])

    def test_takes_the_first_alternative_that_this_release_has(self):
        self.machine(["a-14|a-19", "b-14|b-19"], available=["a-14", "a-19", "b-19"])
        self.assertEqual(self.setup_script()[0], 0)
        self.assertEqual(self.called(), ["apt-get install --no-install-recommends a-14 b-19"])

    def test_a_later_alternative_counts_only_where_the_first_does_not_exist(self):
        self.machine(["a-14|a-19"], installed=["a-19"], available=["a-14", "a-19"])
        self.setup_script()
        self.assertEqual(self.called(), ["apt-get install --no-install-recommends a-14"])
        self.calls.write_text("")
        self.machine(["a-14|a-19"], installed=["a-19"], available=["a-19"])
        self.setup_script()
        self.assertEqual(self.called(), [])

    def test_reads_the_lists_before_it_gives_up_on_a_name(self):
        self.machine(["late"], update=f"echo late >>{self.root}/available")
        self.assertEqual(self.setup_script()[0], 0)
        self.assertEqual(self.called(), ["apt-get update", "apt-get install --no-install-recommends late"])

    def test_says_what_this_release_does_not_have(self):
        self.machine(["git", "a-14|a-19"], installed=["git"])
        code, told = self.setup_script()
        self.assertEqual(code, 1)
        self.assertIn("this release has none of: a-14|a-19", told)

    def test_tries_once_more_with_fresh_lists_and_then_fails(self):
        self.machine(["git"], available=["git"], install="exit 100")
        self.assertNotEqual(self.setup_script()[0], 0)
        self.assertEqual([call.split()[1] for call in self.called()], ["install", "update", "install"])

    def test_asks_sudo_when_not_root(self):
        self.machine(["git"], available=["git"], user=1000)
        self.assertEqual(self.setup_script()[0], 0)
        self.assertEqual(self.called()[0], "sudo")

    def test_says_what_is_missing_when_it_may_not_install(self):
        self.machine(["git"], available=["git"], user=1000)
        (self.bin / "sudo").unlink()
        for name in ("bash", "env", "awk", "grep", "dirname", "sed"):
            (self.bin / name).symlink_to(shutil.which(name))
        code, told = self.setup_script(path=str(self.bin))
        self.assertEqual(code, 1)
        self.assertIn("packages are missing (git", told)
        self.assertEqual(self.called(), [])


class TestTest(Tree):
    GOOD = "100% tests passed, 0 tests failed out of 7"
    BAD = "86% tests passed, 1 tests failed out of 7"

    def setUp(self):
        super().setUp()
        self.command("scripts/build", 'echo "build $*" >>"$CALLS"\n')
        self.ctest(self.GOOD, 0)
        self.lab('echo "2 passed, 0 failed"\n')
        self.api('echo "3 passed, 0 failed"\n')

    def ctest(self, line, code):
        self.command("bin/ctest", f'echo "ctest $*" >>"$CALLS"\necho "{line}"\necho "Total Test time (real) = 1 sec"\nexit {code}\n')

    def lab(self, body):
        self.command("tests/e2e/run", 'echo "run $*" >>"$CALLS"\n' + body)

    def api(self, body):
        self.command("tests/api/run", 'echo "api $*" >>"$CALLS"\n' + body)

    def test_the_unit_part_alone_ends_with_its_total(self):
        code, told = self.run_script("scripts/test", "unit")
        self.assertEqual((code, told.splitlines()[-1]), (0, self.GOOD))
        self.assertEqual(self.called()[0], "build dev")

    def test_every_total_stands_last_and_alone(self):
        self.lab('echo "5 passed, 0 failed"\necho "more words"\n')
        code, told = self.run_script("scripts/test")
        self.assertEqual((code, told.splitlines()[-3:]), (0, [self.GOOD, "5 passed, 0 failed", "3 passed, 0 failed"]))
        self.assertIn("build ", self.called())  # the programs that the lab runs

    def test_a_failure_of_either_part_fails_the_run_and_hides_nothing(self):
        self.lab('echo "5 passed, 0 failed"\n')
        self.ctest(self.BAD, 8)
        code, told = self.run_script("scripts/test")
        self.assertEqual((code, told.splitlines()[-3:]), (1, [self.BAD, "5 passed, 0 failed", "3 passed, 0 failed"]))
        self.ctest(self.GOOD, 0)
        self.lab('echo "4 passed, 1 failed"\nexit 1\n')
        code, told = self.run_script("scripts/test")
        self.assertEqual((code, told.splitlines()[-3:]), (1, [self.GOOD, "4 passed, 1 failed", "3 passed, 0 failed"]))

    def test_a_lab_without_a_total_is_a_failure(self):
        self.lab("exit 0\n")
        code, told = self.run_script("scripts/test", "lab")
        self.assertEqual(code, 1)
        self.assertIn("printed no total", told)

    def test_a_part_and_its_filter(self):
        self.lab('echo "1 passed, 0 failed"\n')
        self.assertEqual(self.run_script("scripts/test", "lab", "rekey")[0], 0)
        self.assertIn("run rekey", self.called())
        self.assertEqual(self.run_script("scripts/test", "--preset", "asan", "unit", "wire")[0], 0)
        self.assertIn("build asan", self.called())
        self.assertIn("-R wire", self.called()[-1])

    def test_the_api_part_is_a_part_of_all_and_one_of_its_own(self):
        self.lab('echo "5 passed, 0 failed"\n')
        self.api('echo "7 passed, 0 failed"\n')
        code, told = self.run_script("scripts/test")
        self.assertEqual((code, told.splitlines()[-3:]), (0, [self.GOOD, "5 passed, 0 failed", "7 passed, 0 failed"]))
        self.api('echo "6 passed, 1 failed"\nexit 1\n')
        code, told = self.run_script("scripts/test", "api", "crds")
        self.assertEqual((code, told.splitlines()[-1]), (1, "6 passed, 1 failed"))
        self.assertIn("api crds", self.called())

    def test_parts_that_are_not_there_say_so(self):
        for part, runner in (("api", "tests/api/run"), ("lab", "tests/e2e/run"), ("cluster", "tests/cluster/run")):
            (self.root / runner).unlink(missing_ok=True)
            self.assertEqual(self.run_script("scripts/test", part)[0], 1)
        self.assertEqual(self.run_script("scripts/test", "nonsense")[0], 1)

    def test_a_build_that_fails_ends_the_run(self):
        self.command("scripts/build", "exit 3\n")
        code, told = self.run_script("scripts/test")
        self.assertNotEqual(code, 0)
        self.assertNotIn("passed", told)


if __name__ == "__main__":
    unittest.main()
