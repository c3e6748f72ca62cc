# ci-test: timeout=600
"""Each rule about the tree is tried with a planted fault: it has to fail and to name it."""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLEAN = {
    "src/CMakeLists.txt": "set(modules base par\n    vis cal)\n",
    "include/contimg/base.h": "/* base: strings. All functions are local. */\n\n/* Its length. */\nint ci_str_length(int a);\n",
    "include/contimg/vis.h": "/* vis: samples. */\n\n/* Adds one.\n * Local. */\nint ci_vis_add(int a);\n"
                             "int ci_vis_take(int a); /* takes one; Local. */\n\n/* Sums. Collective. */\nint ci_vis_sum(int a);\n",
    "src/base/str.c": "/* Lengths of strings, counted. */\n#include \"contimg/base.h\"\n"
                      "int ci_str_length(int a)\n{\n    return a;\n}\n",
    "src/vis/add.c": "/* Adding of samples, one by one. */\n#include \"contimg/vis.h\"\n"
                     "int ci_vis_add(int a)\n{\n    return a + 1;\n}\n",
    "src/vis/sum.c": "/* Sums of samples, each increased. */\n#include \"contimg/base.h\"\n#include \"contimg/vis.h\"\n"
                     "int ci_vis_sum(int a)\n{\n    return ci_vis_add(a);\n}\n",
    "tools/small.sh": "#!/usr/bin/env bash\nsmall() {\n  true\n}\n",
    "tests/small.py": "def small():\n    return 1\n",
}

COMPILED = {}  # object files by the text of all headers and of the source


def lines(n):
    return "    a++;\n" * n


class Planted(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = Path(self.folder.name)
        for path, text in CLEAN.items():
            self.write(path, text)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def append(self, path, text):
        self.write(path, (self.root / path).read_text() + text)

    def build(self):
        """Compiles src/<module>/*.c to build/src/libci_<module>.a, as the real build does; what was compiled
        before, with the same headers, is taken as it was."""
        headers = tuple((path.name, path.read_text()) for path in sorted(self.root.rglob("*.h")))
        for folder in sorted((self.root / "src").iterdir()):
            objects = []
            for source in sorted(folder.glob("*.c")) if folder.is_dir() else []:
                objects.append(self.root / "build/src" / folder.name / (source.name + ".o"))
                objects[-1].parent.mkdir(parents=True, exist_ok=True)
                key = (headers, source.read_text())
                if key not in COMPILED:
                    subprocess.run(["cc", "-I", self.root / "include", "-c", source, "-o", objects[-1]], check=True)
                    COMPILED[key] = objects[-1].read_bytes()
                objects[-1].write_bytes(COMPILED[key])
            if objects:
                subprocess.run(["ar", "qc", self.root / f"build/src/libci_{folder.name}.a", *objects], check=True)

    def rule(self, name):
        environment = {**os.environ, "CONTIMG_SOURCE": str(self.root), "CONTIMG_BUILD": str(self.root / "build")}
        done = subprocess.run([sys.executable, HERE / f"test_{name}.py"], env=environment,
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def refused(self, name, *words):
        code, text = self.rule(name)
        self.assertEqual(code, 1, text)
        for word in words:
            self.assertIn(word, text)

    def test_clean_tree_passes(self):
        self.build()
        for name in ("includes", "circles", "prefix", "comments", "length", "json"):
            code, text = self.rule(name)
            self.assertEqual(code, 0, text)

    def test_known_fault_passes_and_is_counted(self):
        self.write("src/vis/bare.c", "int ci_vis_bare;\n")
        self.write("tests/structure/known.txt", "comments src/vis/bare.c # until it is mended\n")
        code, text = self.rule("comments")
        self.assertEqual(code, 0, text)
        self.assertIn("1 known", text)

    def test_later_module(self):
        self.append("src/base/str.c", '#include "contimg/vis.h"\n')
        self.refused("includes", "src/base/str.c", "contimg/vis.h", "after module base")

    def test_later_module_in_angle_brackets(self):
        self.append("src/base/str.c", "#include <contimg/vis.h>\n")
        self.refused("includes", "src/base/str.c", "after module base", "stand in quotes")

    def test_declaration_without_a_header(self):
        self.append("src/base/str.c", "extern int ci_vis_sum(int a);\n")
        self.refused("includes", "src/base/str.c", "declares ci_vis_sum by itself")

    def test_later_module_in_a_header(self):
        self.write("src/base/later.h", "/* What is not base's. */\nint ci_vis_sum(int a);\n")
        self.refused("includes", "src/base/later.h", "declares ci_vis_sum, which is module vis's")

    def test_json_that_is_asked_inside(self):
        self.append("src/vis/add.c", "int ci_vis_ask(void *json)\n{\n    return ci_json_get_bool (json, 0);\n}\n")
        self.refused("json", "src/vis/add.c", "line 9: ci_json_get_bool", "src/tile/record_json.c")

    def test_json_in_other_forms(self):
        self.append("src/vis/add.c", "#define ASK ci_json_get\nvoid *one = cJSON_GetObjectItem(0, 0);\n")
        self.write("src/ops/documents.c", "/* Documents. */\nint a = ci_json_length(0);\n")
        self.refused("json", "line 7: ci_json_get:", "line 8: cJSON_GetObjectItem", "json: 2 faults")
        self.append("src/vis/add.c", "int n = ci_json_length(0);\n")
        self.refused("json", "line 9: ci_json_length")

    def test_json_by_a_pointer(self):
        self.append("src/vis/add.c", "static void *ask = ci_json_get;\n")
        self.refused("json", "src/vis/add.c", "ci_json_get:")

    def test_unknown_module(self):
        self.write("src/other/a.c", "/* A module that is not listed. */\n")
        self.refused("includes", "src/other/a.c", "other is not in src/CMakeLists.txt")

    def test_private_header_of_another_module(self):
        self.append("src/vis/add.c", '#include "base/secret.h"\n')
        self.refused("includes", "src/vis/add.c", "base/secret.h")

    def test_outside_header_of_another_owner(self):
        self.append("src/vis/add.c", "#include <mpi.h>\n")
        self.refused("includes", "src/vis/add.c", "<mpi.h> belongs to par")

    def test_exit_outside_par(self):
        self.append("src/vis/add.c", "void ci_vis_end(void)\n{\n    exit(1);\n}\n")
        self.refused("includes", "src/vis/add.c", "exit")

    def test_end_in_other_forms(self):
        for call in ("exit (1)", "quick_exit(1)", "_Exit(1)", "(abort)()"):
            with self.subTest(call):
                self.write("src/vis/end.c", f"/* The end of it. */\nvoid ci_vis_end(void)\n{{\n    {call};\n}}\n")
                self.refused("includes", "src/vis/end.c")
        self.write("src/vis/end.c", "/* The end of it. */\n#define END() exit(1)\n")
        self.refused("includes", "src/vis/end.c: calls exit")

    def test_include_in_other_forms(self):
        for line in ('#\tinclude\t"contimg/cal.h"', '/* a */ #include "contimg/cal.h"',
                     '#/* a */include/* b */"contimg/cal.h"', '#include \\\n"contimg/cal.h"',
                     '#inc\\\nlude "contimg/cal.h"', '%:include "contimg/cal.h"',
                     'const char *a = "/*";\n#include "contimg/cal.h"\nconst char *b = "*/";',
                     '#include "contimg/../contimg/cal.h"', '#include "../cal/cal.h"',
                     '#ifndef NDEBUG\n# include "contimg/cal.h"\n#endif'):
            with self.subTest(line):
                self.write("src/vis/more.c", f"/* More of vis. */\n{line}\n")
                self.refused("includes", "src/vis/more.c", "after module vis")

    def test_include_in_a_comment_passes(self):
        self.append("src/vis/add.c", '/*\n#include "contimg/cal.h"\n*/\n// #include "contimg/cal.h"\n')
        self.assertEqual(self.rule("includes")[0], 0)

    def test_include_through_a_macro(self):
        self.append("src/vis/add.c", '#define LATER "contimg/cal.h"\n#include LATER\n')
        self.refused("includes", "src/vis/add.c", "includes LATER: an include names its file")

    def test_include_of_no_header(self):
        self.append("src/vis/add.c", '#include "vis/sum.c"\n')
        self.refused("includes", "src/vis/add.c", "vis/sum.c, which is no header")

    def test_file_of_another_kind(self):
        self.write("src/vis/more.inc", '#include "contimg/cal.h"\n')
        self.refused("includes", "src/vis/more.inc: is no kind of file")

    def test_header_by_its_bare_name(self):
        self.append("src/vis/add.c", '#include "one.h"\n')
        self.refused("includes", "src/vis/add.c", "named with their folder")

    def test_outside_header_in_quotes_and_in_a_folder(self):
        for line in ('#include "mpi.h"', "#include <openmpi/mpi.h>"):
            with self.subTest(line):
                self.write("src/vis/more.c", f"/* More of vis. */\n{line}\n")
                self.refused("includes", "src/vis/more.c", "mpi.h> belongs to par")

    def test_declaration_in_other_forms(self):
        for line in ("int ci_vis_sum(int a);", "extern int ci_vis_total;", "int b;\nint *ci_vis_sum(\n    int a);",
                     "void ci_str_a(void)\n{\n    int ci_vis_sum(int a);\n}", "int (ci_vis_sum)(int a);",
                     "typedef int one(int);\none ci_vis_sum;", "typedef int one(int);\nextern one ci_vis_sum, ci_vis_add;"):
            with self.subTest(line):
                self.write("src/base/more.c", f"/* More of base. */\n{line}\n")
                self.refused("includes", "src/base/more.c", "by itself")

    def test_declaration_that_only_the_linker_sees(self):
        self.write("src/vis/more.c", "/* More of vis. */\n#define DECLARE(name) int ci_vis_##name(int a)\nDECLARE(sum);\n"
                                     "int ci_vis_more(int a)\n{\n    return ci_vis_sum(a);\n}\n")
        self.build()
        self.refused("includes", "src/vis/more.c: declares ci_vis_sum by itself", "includes: 1 faults")

    def test_calls_and_static_declarations_pass(self):
        self.write("src/vis/more.c", "/* More of vis. */\n#include \"contimg/vis.h\"\nstatic int one(int a);\n"
                                     "int ci_vis_more(int a)\n{\n    if (a) ci_vis_add(a);\n    else ci_vis_sum(a);\n"
                                     "    return ci_vis_add(a);\n}\n")
        self.assertEqual(self.rule("includes"), (0, "includes: 0 faults\n"))

    def test_circle_of_files(self):
        self.append("src/vis/add.c", "int ci_vis_take(int a)\n{\n    return ci_vis_sum(a);\n}\n")
        self.build()
        self.refused("circles", "src/vis/", "a circle of add.c, sum.c", "add.c needs sum.c: ci_vis_sum",
                     "sum.c needs add.c: ci_vis_add")

    def test_circle_of_headers(self):
        self.write("src/vis/one.h", '/* One. */\n#include "vis/two.h"\n')
        self.write("src/vis/two.h", '/* Two. */\n#include "vis/one.h"\n')
        self.build()
        self.refused("circles", "src/vis/", "a circle of headers: src/vis/one.h, src/vis/two.h")

    def test_circle_of_headers_by_bare_names(self):
        self.write("src/vis/one.h", '/* One. */\n#include "two.h"\n')
        self.write("src/vis/two.h", '/* Two. */\n#\tinclude "./one.h"\n')
        self.build()
        self.refused("circles", "src/vis/", "a circle of headers: src/vis/one.h, src/vis/two.h")

    def test_circle_of_files_by_headers_alone(self):
        self.build()
        self.write("src/vis/one.h", "/* One. */\ntypedef struct ci_vis_one\n{\n    int a;\n} ci_vis_one;\n")
        self.write("src/vis/one.c", '/* One of two files. */\n#include "vis/two.h"\n')
        self.write("src/vis/two.h", '/* Two. */\n#include "vis/one.h"\n')
        self.refused("circles", "src/vis/", "a circle of files by headers and types: one, two",
                     "one needs two: two.h", "two needs one: one.h")

    def test_circle_of_files_by_types_alone(self):
        for use in ("struct ci_vis_two *two;", "ci_vis_two *two;"):
            with self.subTest(use):
                self.write("src/vis/one.h", "/* One. */\ntypedef struct ci_vis_two ci_vis_two;\n"
                                            f"typedef struct ci_vis_one\n{{\n    {use}\n}} ci_vis_one;\n")
                self.write("src/vis/two.h", '/* Two. */\n#include "vis/one.h"\nstruct ci_vis_two\n{\n    ci_vis_one a;\n};\n')
                self.build()
                self.refused("circles", "one needs two: ci_vis_two", "two needs one: ci_vis_one, one.h")

    def test_type_of_an_earlier_file_passes(self):
        self.write("src/vis/one.h", "/* One. */\ntypedef struct ci_vis_one\n{\n    int a;\n} ci_vis_one;\n"
                                    "typedef int (*ci_vis_map)(ci_vis_one *a);\n")
        self.write("src/vis/two.h", '/* Two. */\n#include "vis/one.h"\nint ci_vis_two(ci_vis_map map);\n')
        self.build()
        self.assertEqual(self.rule("circles")[0], 0)

    def test_circle_that_the_build_leaves_out(self):
        for use in ("assert(ci_vis_sum(1));", "\n#ifdef NEVER\n    ci_vis_sum(1);\n#endif"):
            with self.subTest(use):
                self.write("src/vis/add.c", "/* Adding. */\n#define NDEBUG\n#include <assert.h>\nint ci_vis_sum(int a);\n"
                                            f"int ci_vis_add(int a)\n{{\n    {use}\n    return a;\n}}\n")
                self.build()
                self.refused("circles", "src/vis/", "a circle of add.c, sum.c")

    def test_no_build(self):
        self.refused("circles", "build first")
        self.refused("prefix", "build first")

    def test_symbol_without_prefix(self):
        self.append("src/vis/add.c", "int ci_cal_add;\n")
        self.build()
        self.refused("prefix", "src/vis/add.c", "ci_cal_add does not begin with ci_vis_")

    def test_symbol_outside_the_families_of_base(self):
        self.append("src/base/str.c", "int ci_base_length;\n")
        self.build()
        self.refused("prefix", "src/base/str.c", "ci_base_length")

    def test_symbol_that_looks_like_the_compilers(self):
        for name in ("__ci_add", "cal_asan_add"):
            with self.subTest(name):
                self.write("src/vis/more.c", f"/* More of vis. */\nint {name};\n")
                self.build()
                self.refused("prefix", "src/vis/more.c", name)
                (self.root / "build/src/libci_vis.a").unlink()

    def test_symbol_that_the_build_leaves_out(self):
        self.append("src/vis/add.c", "#ifdef NEVER\nint ci_cal_two(int a)\n{\n    return a;\n}\n#endif\n")
        self.build()
        self.refused("prefix", "src/vis/add.c", "ci_cal_two")

    def test_macro_without_prefix(self):
        self.append("include/contimg/vis.h", "\n#ifndef CONTIMG_VIS_H\n#  define CONTIMG_VIS_H\n#\tdefine CI_CAL_SIZE 3\n"
                                             "#define CI_VIS_SIZE 3\n#endif\n")
        self.build()
        self.refused("prefix", "include/contimg/vis.h", "ci_cal_size does not begin with ci_vis_", "prefix: 1 faults")

    def test_enum_constant_without_prefix(self):
        for text in ("enum\n{\n    CI_CAL_ONE = 1\n};\n", "typedef enum ci_vis_kind\n{\n    CI_VIS_ONE, /* one */\n"
                     "    CI_CAL_ONE\n} ci_vis_kind;\n", "enum { CI_VIS_ONE = 1 << 2, CI_CAL_ONE };\n",
                     "struct ci_vis_a\n{\n    enum\n    {\n        CI_CAL_ONE\n    } kind;\n};\n"):
            with self.subTest(text):
                self.write("include/contimg/vis.h", CLEAN["include/contimg/vis.h"] + text)
                self.build()
                self.refused("prefix", "include/contimg/vis.h: ci_cal_one does not begin with ci_vis_", "prefix: 1 faults")

    def test_status_outside_base(self):
        self.append("include/contimg/vis.h", "enum\n{\n    CI_ERR_VIS\n};\n")
        self.build()
        self.refused("prefix", "include/contimg/vis.h: ci_err_vis does not begin with ci_vis_")

    def test_enum_constants_of_base_and_of_private_headers_pass(self):
        self.append("include/contimg/base.h", "enum\n{\n    CI_OK,\n    CI_ERR_IO,\n    CI_LOG_INFO\n};\n")
        self.write("src/vis/small.h", "/* Small things of samples. */\nenum\n{\n    AHEAD = 3\n};\n")
        self.build()
        self.assertEqual(self.rule("prefix")[0], 0)

    def test_inline_function_without_prefix(self):
        self.append("include/contimg/vis.h", "\nstatic inline int ci_cal_one(void)\n{\n    return 1;\n}\n")
        self.build()
        self.refused("prefix", "include/contimg/vis.h", "ci_cal_one does not begin with ci_vis_")

    def test_more_than_main_in_the_program(self):
        self.write("src/cli/main.c", "/* The program. */\nint helper(void)\n{\n    return 0;\n}\n"
                                     "int main(void)\n{\n    return helper();\n}\n")
        self.build()
        self.refused("prefix", "src/cli/main.c", "exports helper")

    def test_variable_in_the_program(self):
        self.write("src/cli/main.c", "/* The program. */\nint counter;\nstatic int own;\nint main(void)\n{\n    return own;\n}\n")
        self.build()
        self.refused("prefix", "src/cli/main.c: exports counter", "prefix: 1 faults")

    def test_variables_without_prefix(self):
        self.append("src/vis/add.c", "int ci_vis;\n#ifdef NEVER\nint ci_vis_a = 1, total_b[2] = {1, 2};\nint (*total_c)(int);\n"
                                     "static const int own = 3;\nstruct one\n{\n    int member;\n} total_d;\n#endif\n")
        self.build()
        self.refused("prefix", "add.c: ci_vis does", "total_b", "total_c", "total_d", "prefix: 4 faults")

    def test_file_without_opening_comment(self):
        self.write("src/vis/bare.c", '#include "contimg/vis.h"\n/* Too late to say it. */\n')
        self.refused("comments", "src/vis/bare.c")

    def test_file_that_opens_with_its_licence(self):
        self.write("src/vis/bare.c", "/* SPDX-License-Identifier: GPL-3.0-or-later of this file */\nint ci_vis_bare;\n")
        self.refused("comments", "src/vis/bare.c")

    def test_opening_that_says_nothing(self):
        for line in ("TODO: say what this file is for", "/* TODO: say what this file is for. */",
                     "/* FIXME what is this file. */", "/* Helpers, various. */", "/* vis: bare, file of bare. */",
                     "/* */", "/*"):
            with self.subTest(line):
                self.write("src/vis/bare.c", f"{line}\n/* More of it. */\nint ci_vis_bare;\n")
                self.refused("comments", "src/vis/bare.c: no comment in the first line")

    def test_opening_of_four_words_passes(self):
        self.write("src/vis/bare.c", "/* Adding of bare samples. */\nint ci_vis_bare;\n")
        self.assertEqual(self.rule("comments")[0], 0)

    def test_function_that_is_neither(self):
        self.append("include/contimg/vis.h", "\n/* Says nothing. */\nint ci_vis_one(int a);\n")
        self.refused("comments", "include/contimg/vis.h", "ci_vis_one", "neither")

    def test_function_that_is_both(self):
        self.append("include/contimg/vis.h", "\n/* Local. Collective. */\nint ci_vis_one(int a);\n")
        self.refused("comments", "include/contimg/vis.h", "ci_vis_one", "both")

    def test_function_against_its_header(self):
        self.append("include/contimg/base.h", "\n/* Sums. Collective. */\nint ci_str_sum(int a);\n")
        self.refused("comments", "include/contimg/base.h", "ci_str_sum", "both")

    def test_function_after_an_inline_one(self):
        self.append("include/contimg/vis.h", "\n/* Local. */\nstatic inline int ci_vis_in(int a)\n{\n    return a;\n}"
                                             "\n\nint ci_vis_bare(int a);\n")
        self.refused("comments", "ci_vis_bare has no comment of its own")

    def test_function_below_another_ones_comment(self):
        for path, text in (("include/contimg/vis.h", "int ci_vis_next(int a);\n"),
                           ("include/contimg/vis.h", "\n/* Local. */\ntypedef int ci_vis_kind;\nint ci_vis_next(int a);\n"),
                           ("include/contimg/vis.h", "\n/* Local. */\n\nint ci_vis_next(int a);\n"),
                           ("include/contimg/base.h", "int ci_str_next(int a);\n")):
            with self.subTest(text):
                self.write(path, CLEAN[path] + text)
                self.refused("comments", f"{path}: line", "_next has no comment of its own", "comments: 1 faults")
                self.write(path, CLEAN[path])

    def test_function_of_a_private_header(self):
        self.write("src/vis/small.h", "/* Small things of samples. */\n/* Adds two. */\nint ci_vis_two(int a);\n")
        self.refused("comments", "src/vis/small.h", "ci_vis_two", "neither", "comments: 1 faults")
        self.write("src/vis/small.h", "/* Small things. All functions are local. */\nint ci_vis_two(int a);\n")
        self.assertEqual(self.rule("comments")[0], 0)

    def test_local_function_of_a_private_header_that_reaches_mpi(self):
        self.write("src/vis/sum.c", "/* Sums. */\nint ci_vis_sum(int a)\n{\n    return MPI_Barrier(a);\n}\n")
        self.write("src/vis/small.h", "/* Small things. All functions are local. */\nint ci_vis_two(int a);\n")
        self.write("src/vis/small.c", "/* Two. */\nint ci_vis_two(int a)\n{\n    return ci_vis_sum(a);\n}\n")
        self.refused("local", "src/vis/small.h: ci_vis_two is said to be local and reaches ci_vis_sum", "local: 1 faults")

    def test_local_function_that_reaches_mpi(self):
        self.write("src/par/send.c", "/* Sends. */\nstatic int one(int a)\n{\n    return MPI_Barrier(a);\n}\n"
                                     "int ci_par_all(int a)\n{\n    return one(a);\n}\n")
        self.write("src/vis/add.c", "/* Adding. */\nint ci_vis_add(int a)\n{\n    return ci_par_all(a);\n}\n")
        self.refused("local", "include/contimg/vis.h: ci_vis_add is said to be local and reaches "
                              "ci_par_all -> one -> MPI_Barrier")

    def test_local_function_that_reaches_mpi_in_other_forms(self):
        self.write("src/vis/sum.c", "/* Sums. */\nint ci_vis_sum(int a)\n{\n    return MPI_Barrier(a);\n}\n")
        self.write("src/vis/up.h", "/* Up. */\nstatic inline int up(int a)\n{\n    return MPI_Barrier(a);\n}\n")
        for head, call in (("#define GO(a) ci_vis_sum(a)", "GO"), ("#define GO(a) MPI_Barrier(a)", "GO"), ("", "PMPI_Barrier"),
                           ("", "MPI_Get_accumulate"), ('#include "vis/up.h"', "up")):
            with self.subTest(call):
                self.write("src/vis/add.c", f"/* Adding. */\n{head}\nint ci_vis_add(int a)\n{{\n    return {call}(a);\n}}\n")
                self.refused("local", f"ci_vis_add is said to be local and reaches {call}", "local: 1 faults")

    def test_collective_function_without_mpi(self):
        self.refused("local", "ci_vis_sum is said to be collective and reaches no function of MPI", "local: 1 faults")

    def test_local_function_that_names_a_communicator_of_one(self):
        self.write("src/vis/sum.c", "/* Sums. */\nint ci_vis_sum(int a)\n{\n    return MPI_Barrier(a);\n}\n")
        self.write("src/vis/add.c", "/* Adding. */\nint ci_vis_add(int a)\n{\n    ci_comm_self(&a);\n"
                                    "    return ci_vis_sum(a);\n}\n")
        self.refused("local", "ci_vis_add is said to be local and reaches ci_vis_sum -> MPI_Barrier", "local: 1 faults")

    def test_comment_that_only_holds_the_word(self):
        for text in ("Not Local.", "Times are Local.", "local."):
            self.write("include/contimg/vis.h", CLEAN["include/contimg/vis.h"].replace("Local. */\nint ci_vis_add", f"{text} */\nint ci_vis_add"))
            self.refused("comments", "ci_vis_add: its comment says neither", "comments: 1 faults")

    def test_document_that_is_stale(self):
        self.write("docs/a.md", "[b](b.md) `src/vis/lost.c` ci_vis_lost unit/test_lost "
                                "`src/vis/add.c` (`gone`)\n")
        self.refused("docs", "docs/a.md: a link to b.md", "src/vis/lost.c", "ci_vis_lost",
                     "unit/test_lost", "src/vis/add.c has gone")

    def test_document_with_words_behind_a_function(self):
        self.write("docs/a.md", "`src/vis/add.c` (`ci_vis_add`: adds; `lost`: takes)\n")
        self.refused("docs", "src/vis/add.c has lost", "docs: 1 faults")

    def test_document_that_is_true(self):
        self.write("docs/a.md", "[c](c.md) `src/vis/add.c` (`ci_vis_add`) src/<module> ci_vis_sum\n")
        self.write("docs/c.md", "\n")
        self.assertEqual(self.rule("docs")[0], 0)

    def test_module_without_its_line(self):
        self.write("src/README.md", "| module | what |\n|---|---|\n| base | strings |\n")
        self.refused("docs", "src/README.md", "lists base; the build has base vis")

    def test_long_file(self):
        self.append("src/vis/add.c", "\n" * 500)
        self.write("src/vis/more.c", "\n" * 500 + "int a;")
        self.write("tests/CMakeLists.txt", "#\n" * 501)
        self.refused("length", "src/vis/add.c", "src/vis/more.c: 501 lines", "tests/CMakeLists.txt: 501 lines")

    def test_long_function_of_the_old_style(self):
        self.append("src/vis/add.c", "int ci_vis_old(a)\nint a;\n{\n" + lines(60) + "}\n")
        self.refused("length", "ci_vis_old has 62 lines")

    def test_long_function(self):
        self.append("src/vis/add.c", "int ci_vis_long(int a)\n{\n" + lines(57) + "    return a;\n}\n")
        self.refused("length", "src/vis/add.c", "ci_vis_long has 61 lines")

    def test_function_of_60_lines_passes(self):
        self.append("src/vis/add.c", "int ci_vis_long(int a)\n{\n" + lines(56) + "    return a;\n}\n")
        self.assertEqual(self.rule("length")[0], 0)

    def test_table_in_a_function_passes(self):
        table = "    const int t[] = {\n" + "        1,\n" * 70 + "    };\n"
        self.append("src/vis/add.c", "int ci_vis_table(int a)\n{\n" + table + "    return t[a];\n}\n")
        self.assertEqual(self.rule("length")[0], 0)

    def test_long_function_of_shell_and_python(self):
        self.append("tools/small.sh", "long_one() {\n" + "  true\n" * 60 + "}\n")
        self.append("tests/small.py", "def long_two():\n" + "    a = 1\n" * 60)
        self.refused("length", "long_one has 62 lines", "long_two has 61 lines")

    def test_long_function_of_shell_in_other_forms(self):
        for path, head in (("bench/run", "long_one() {"), ("bench/run", "function long_one {"),
                           ("tools/small.sh", "function long_one() {"), ("tools/small.sh", "long_one()\n{"),
                           ("tools/small.sh", "long_one() { # text"), ("tools/small.sh", "long_one() { true"),
                           ("tools/small.sh", "long_one() {\n  cat <<END\n}\nEND")):
            with self.subTest(head):
                self.write(path, f"#!/usr/bin/env bash\n{head}\n" + "  true\n" * 60 + "}\n")
                self.refused("length", f"{path}: line 2: long_one has 6")

    def test_short_functions_of_shell_pass(self):
        self.write("tools/small.sh", "#!/usr/bin/env bash\none() { echo \"${1}\"; }\ntwo() (true)\n" + "true\n" * 70 + "{\n}\n")
        self.assertEqual(self.rule("length")[0], 0)

    def test_long_macro(self):
        self.append("src/vis/add.c", "#define LONG(a) \\\n" + "    a++; \\\n" * 60 + "    a\n")
        self.refused("length", "src/vis/add.c", "LONG has 62 lines")


if __name__ == "__main__":
    unittest.main()
