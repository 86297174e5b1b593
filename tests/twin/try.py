import random,sys,time
sys.path.insert(0,'.')
import program, mirror
mirror.start()
t=time.time()
from collections import Counter
c=Counter()
for i in range(2000):
    p=program.generate(random.Random(i))
    log=mirror.machine.run(p)
    for e in log: c[e>>24]+=1
    assert log[-1]>>24==18 and log[-1]&0xffffff==0, (i,hex(log[-1]))
print(time.time()-t)
names=list(program.EVENT)
print({names[k]:v for k,v in c.items()})
