"""The report tells of objects where the program has some, and is as ever where it has none."""

import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import unittest

from common import PATIENCE, Case, compiled, environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = os.environ.get('OURO_TEST_LIBRARY')

# What a program does is told by its first argument. The numbers of objects are those that the tests expect.
OBJECTS = r'''
#include <ouro/ouro.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct node { ouro_object base; void *left, *right; };
static ouro_type node_type = {.name = "node", .size = sizeof(struct node),
  .references = OURO_REFERENCES(offsetof(struct node, left), offsetof(struct node, right))};
static ouro_type leaf_type = {.name = "leaf", .size = 64};
static void *kept[4000];

static void keep(size_t from, size_t to, ouro_type *type) {
  for (size_t i = from; i < to; i++) kept[i] = ouro_new(type);
}

static void waste(size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct node *node = ouro_new(&node_type);
    ouro_setref(&node->left, node);
    ouro_decref(node);
  }
}

/* 3,000 old nodes, 50 young ones, 200 leaves; 300 pieces of garbage found by one full collection, 7 not found. */
static void standard(void) {
  ouro_gc_disable();
  keep(0, 3000, &node_type);
  waste(300);
  ouro_gc_collect(2);
  keep(3000, 3050, &node_type);
  keep(3050, 3250, &leaf_type);
  waste(7);
}

static void many_types(void) {
  static char name[100][300];
  static ouro_type types[100];
  for (int i = 0; i < 100; i++) {
    snprintf(name[i], 300, "type %d", i);
    types[i] = (ouro_type){.name = name[i], .size = 32};
    for (int count = 0; count <= i; count++) (void)!ouro_new(&types[i]);
  }
  memcpy(name[99], "a \"quoted\" \\ back\nslash \xc3\xa4 \xff", 30);
  memset(name[98], 'x', 299);
  for (int i = 0; i < 299; i += 2) memcpy(name[97] + i, "\xc3\xb6", 2);
}

static void exit_5(int number) { (void)number; exit(5); }
static void *exit_6(void *arg) { exit(6); }

int main(int argc, char **argv) {
  switch (argv[1][0]) {
  case 's': standard(); return 0;
  case 'm': many_types(); return 0;
  case 'n': ouro_free(ouro_malloc(1000)); return 0;
  case 'h': standard(); signal(SIGTERM, exit_5); raise(SIGTERM); return 1;
  case 't': {
    pthread_t thread;
    standard();
    pthread_create(&thread, NULL, exit_6, NULL);
    pthread_join(thread, NULL);
    return 1;
  }
  case 'f':
    standard();
    if (fork() == 0) {
      keep(3250, 3260, &leaf_type);
      exit(0);
    }
    wait(NULL);
    return 0;
  case 'b': /* a heap of some size */
    standard();
    for (int i = 0; i < 200000; i++) ouro_xincref(ouro_new(&leaf_type));
    return 0;
  case 'w': /* works until it is killed; its first line says that it has begun */
    standard();
    printf("ready\n");
    fflush(stdout);
    for (;;) {
      waste(100);
      ouro_gc_collect(0);
    }
  }
  return 1;
}
'''


def program(shared=False):
    folder = pathlib.Path(LIBRARY).parent
    link = (f'-L{folder}', '-louro', f'-Wl,-rpath,{folder}') if shared else (LIBRARY,)
    return compiled(OBJECTS, f'-I{ROOT / "include"}', *link, '-lpthread')


def rows(objects):
    return {row['name']: row for row in objects['types']}


@unittest.skipUnless(LIBRARY, 'libouro.a was not named')
class Objects(Case):
    def check_standard(self, objects):
        node, leaf = rows(objects)['node'], rows(objects)['leaf']
        self.assertEqual((node['objects'], node['bytes']), (3057, 3057 * 32))
        self.assertEqual((leaf['objects'], leaf['bytes']), (200, 200 * 64))
        self.assertEqual(node['generations'], [57, 0, 3000])
        self.assertEqual(leaf['generations'], [0, 0, 0])
        self.assertEqual((objects['live'], objects['bytes']), (3257, 3057 * 32 + 200 * 64))
        self.assertEqual((objects['types_in_all'], len(objects['types'])), (2, 2))
        self.assertEqual([generation['objects'] for generation in objects['generations']], [57, 0, 3000])
        young, middle, old = objects['generations']
        self.assertEqual((young['collections'], middle['collections'], old['collections']), (0, 0, 1))
        self.assertEqual((old['collected'], old['uncollectable'], old['candidates']), (300, 0, 3300))
        self.assertGreater(old['pauses_ns'], 0)
        self.assertEqual(old['pauses_ns'], old['longest_pause_ns'])

    def test_by_type_and_generation_and_what_collections_did(self):
        done = self.reported(program(), 'standard')
        self.assertEqual(done.status, 0, done.err)
        self.assertTrue(done.program['detail']['at_exit'])
        self.check_standard(done.program['detail']['objects'])

    def test_of_the_shared_library(self):
        self.check_standard(self.reported(program(shared=True), 'standard').program['detail']['objects'])

    def test_as_text(self):
        done = self.run_ouro('--', program(), 'standard')
        self.assertRegex(done.err, r'\n objects: 3,257 live of 2 types, 110\.6 kB\n')
        self.assertRegex(done.err, r'\n +type +objects +bytes +young +middle +old\n')
        self.assertRegex(done.err, r'\n +node +3,057 +97\.8 kB +57 +0 +3,000\n')
        self.assertRegex(done.err, r'\n +leaf +200 +12\.8 kB +0 +0 +0\n')
        self.assertRegex(done.err, r'\n +generation +collections +looked at +freed +uncollectable +pauses +longest\n')
        self.assertRegex(done.err, r'\n +old +1 +3,300 +300 +0 +(\S+ ms) +\1\n')
        self.assertLess(max(map(len, done.err.splitlines())), 100)

    def test_without_objects_nothing_is_said_of_them(self):
        for command in ([program(), 'none'], ['true']):
            done = self.reported(*command)
            self.assertEqual(done.status, 0, done.err)
            self.assertNotIn('objects', done.program['detail'])
            self.assertNotIn('library_held', done.program['counters'])
            text = self.run_ouro('--', *command).err
            self.assertNotIn('objects', text)
            self.assertNotIn('libouro', text)

    def test_the_heap_that_they_are_on(self):
        done = self.reported(program(), 'big')
        counters = done.program['counters']
        self.assertGreater(counters['library_held'], 12 << 20)
        self.assertLess(counters['library_held'], 24 << 20)
        self.assertGreaterEqual(counters['library_held_peak'], counters['library_held'])
        self.assertLess(counters['held_peak'], 1 << 20)
        self.assertRegex(self.run_ouro('--', program(), 'big').err, r'\n its own libouro +peak 1\d\.\d MB, at exit 1\d\.\d MB\n')

    def test_the_process_that_has_them_is_shown(self):
        done = self.run_ouro('--', 'sh', '-c', f'{program()} big; exit 8')
        self.assertEqual(done.status, 8)
        self.assertRegex(done.err, r'\n objects: 203,257 live')

    def test_names_and_numbers_of_types(self):
        objects = self.reported(program(), 'many').program['detail']['objects']
        self.assertEqual((objects['types_in_all'], objects['live']), (100, 5050))
        self.assertEqual(objects['bytes'], 5050 * 32)
        self.assertLess(len(objects['types']), 100)
        self.assertEqual([row['objects'] for row in objects['types'][:5]], [100, 99, 98, 97, 96])
        names = [row['name'] for row in objects['types']]
        self.assertEqual(names[0], 'a "quoted" \\ back?slash ä ?')
        self.assertRegex(names[1], r'\Ax{20,}\Z')
        self.assertRegex(names[2], r'\Aö{10,}\Z')
        self.assertEqual(names[3], 'type 96')
        done = self.run_ouro('--', program(), 'many')
        self.assertRegex(done.err, r'\n +92 others +\d')
        others = int(re.search(r'92 others +([\d,]+)', done.err)[1].replace(',', ''))
        self.assertEqual(others, 5050 - sum(range(93, 101)))
        self.assertRegex(done.err, r'\n +no collections\n')

    def test_a_child_of_fork_has_its_own(self):
        done = self.reported(program(), 'fork')
        live = sorted(process['detail']['objects']['live'] for process in done.report['processes'])
        self.assertEqual(live, [3257, 3267])

    def test_exit_in_a_signal_handler(self):
        done = self.reported(program(), 'handler')
        self.assertEqual(done.status, 5, done.err)
        self.assertEqual(done.program['state'], 'exited')
        self.assertNotIn('objects', done.program['detail'])

    def test_exit_in_another_thread(self):
        done = self.reported(program(), 'thread')
        self.assertEqual(done.status, 6, done.err)
        self.assertEqual(done.program['state'], 'exited')
        self.assertNotIn('objects', done.program['detail'])

    def test_without_the_command(self):
        library = os.environ.get('OURO_PRELOAD')
        if not library:
            self.skipTest('the preload library was not named')
        env = environment(LD_PRELOAD=library, OURO_CONF='report:stderr')
        done = subprocess.run([program(), 'standard'], env=env, stderr=subprocess.PIPE, timeout=PATIENCE)
        self.assertRegex(done.stderr, rb'\n +3057 +97824 +57 +0 +3000  node\n')
        self.assertRegex(done.stderr, rb'\n +3257 +110624 +57 +0 +3000  all\n')
        self.assertRegex(done.stderr, rb'\n +2 +1 +3300 +300 +0 +\d+ +\d+\n')


@unittest.skipUnless(LIBRARY, 'libouro.a was not named')
class WhileItRuns(Case):
    """The thread that has the objects tells of them at the end of a collection, when somebody asked."""

    def start_working(self, *options):
        process = self.start(*options, '--', program(), 'work')
        self.addCleanup(process.terminate)  # which ouro passes on: the program holds the pipe that is read below
        self.assertEqual(process.stdout.readline(), b'ready\n')
        self.text = ''
        def read():
            for line in process.stderr:
                self.text += line.decode()
        self.reader = threading.Thread(target=read)
        self.reader.start()
        return process

    def ask_until(self, process, pattern):
        """Ask for reports until one has the pattern."""
        def answered():
            process.send_signal(signal.SIGUSR2)
            time.sleep(0.2)
            return re.search(pattern, self.text)
        return self.wait_for(pattern, answered)

    def end(self, process):
        process.terminate()
        process.wait(timeout=PATIENCE)
        self.reader.join()
        process.stdout.close()
        process.stderr.close()

    def test_a_signal(self):
        process = self.start_working()
        match = self.ask_until(process, r'\n +node +([\d,]+) +\S+ kB +\d+ +\d+ +[\d,]+\n')
        self.assertGreaterEqual(int(match[1].replace(',', '')), 3050)
        self.ask_until(process, r'\n +young +[1-9][\d,]+ +[\d,]+ +[1-9][\d,]+ +0 ')
        self.end(process)

    def test_a_program_that_is_killed_leaves_what_was_seen_last(self):
        process = self.start_working('--report', 'report.json', '--format', 'json')
        self.ask_until(process, r'"objects"')
        os.kill(int(pathlib.Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text()), signal.SIGKILL)
        process.wait(timeout=PATIENCE)
        self.end(process)
        report = json.loads((self.folder / 'report.json').read_text())
        self.assertEqual(report['processes'][0]['state'], 'ended')
        self.assertGreaterEqual(report['processes'][0]['detail']['objects']['live'], 3250)
