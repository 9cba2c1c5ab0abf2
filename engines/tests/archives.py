"""Small archives of every kind: made here where some program or a few lines can, else kept as they were made.

The RAR files are from the tests of rarfile (Marko Kreen), ISC licence; nothing that is free makes such. ISO,
disk image, RPM, LHA and ARC were made for this project with genisoimage, mtools, rpmbuild, jlha and arc.
"""

from __future__ import annotations

import base64
import struct
import zlib

_KEPT = {
    "iso": (
        "c-rmV&2H32902ff5GA5g)dQ+3%7;Nz0;yegLmL!vGF~S!?5<a~Q-u=(QQAtVy`YLyB~ESMgO})~Z-n{??Ra-nK0}~FK*R6n*"
        "dC9^Gqy9*Uz6<GApigX0000000000000000000000000000000000007*XV_XkNBm6NUQba(l%uEsCezf<2IPpn?hZv5%yu)"
        "G|O%(IRhd9?eJZgDysn{OQp%iU@@{PN*vANMYWrJdtb-l~maQZ`jN&NhlPCepRl)&BX-^(I{}M@4h3X^U~1*G1M=b$T{Gmk!"
        "p}E~G{8TD3LV7-pklC-dT$EB*dzdZjllvbw1z=dbjde6t+IUb!(V)9vocT<kjH)v`_7A{)Q)%U$WOtPTb%7YD0ft$w}M?}uk"
        "H`cHYbgiiau6LffIEG^=H7=<!S!dBQ0>2s$%3_~5NFy3YVQ}O@v^TjL2|4$$7K01&8C+1rxc8mYJoQvsAO&g(zy`~IJ>=|Y3"
        "8`&%;UF4);Ev&|=AFhYZupaZ$xGZB|D`NUuoZFZh&w5uKQ(4@uVk!-1W6rs_9>f~f!iAVBLN6Xs#U46|Z46`C(X6Gtr`K0V{"
        "73v}ANhMH{sRC20Q*)l`yYEUn~%?yLpKEg008#g_&;=?uTK`K;~_Er2LJ$o{WtzUvG^;%QaCwJ-Evm|003aWjsHXUe4V5l|3"
        "@cd%J?4u008!x-}ZdQeltCk{P|a?>x0St>GqlAVb+z)9v+w<ci`z7+x4T#M~h0HT;;{FB%K#ZcS=88tZwgh9?5Gsf$(!UH7|"
        "4O;Cy{>XV1KqLs_rgZZ8eGwtk<C4=3S9@9w?3U8@i7cZKdhSUf5*d4*Q*%$}?ex^GuJ|JsI&_C83$t;er$X@1z!E3^dwFXQ%"
        "JvFX{s{~w~#n~LtI=Veas65TI99o=ufhUg9e|37=bV`tA2$rpQ!st<=7p%?CkdvQK9`<6lIK56jW+LnC$007=V{C{yge!2Mn"
        ";&J!kaP!~z4*<M<Mg1^2-2R%>bveC0SX&!p?PihIRem+C%VGCg_eopS`DQkW>1kcHRbGv{#5d)zXwqhDI<4w9U9akNS~cbN?"
        "9K1#;??g>G0rA!nK#o>ku^n{SCcl&+jLkqc{<&?JSv;bqMjYxOpCl+FY~M|t4Z2aTXkOa(pW?BSi#t2tZu#Rl9PB6<v6RarQ"
        "cMet#OgY)5+sSbg!E4D%@$SoW!m1tlFMmHvr6h|LvVSKe-J6@Lsv`-Hji9bQ=Hw000000000000000000000000000000000"
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "00000000000000000000000000000000000000000000000000C>m!17Jt*Ap"
    ),
    "img": (
        "c-rmUF>6y%7zW^zw4zj6Gl@<;?bhXjogIv*o7EwTAT8X|8yj-X4Y_v-b#QU-?~sn&1o02#UpO_3V<+{JQn6sCIw*M_4xA5O&"
        "hnl8o!&ou+wYc1H?2Z*u@Rb~`Ji#y2(5ZL_daZ_EgZJDp2e;9)5o#)q}{o<S>G$GpI^T_TK`hre0jX`>3W#7cBbDpzfNvX?o"
        "PjV_IqWl&!DJc8h4ALN_X=t?)A!k665ncOUo?w24yz7kazQ9I2^}xu(!N49A#x$kK@?S#<415HL8<0X>SmdB#FyQfvb4&@$|"
        ">cExVXc{(ru;<C)H@PP`LNJ{)WxY=_z14A<)XQT(NK<3he*c>n+a000000000000000@R#god0top0L+!-w|<}Shkl<Vxhy|"
        ">|M1fOpv75#5CHJ+nU$$p0{{R30000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "Kk9eC-K#CkN"
    ),
    "rpm": (
        "c-rllUu+ab9LMMWfNcdWP(vXho=GKCx$ErC?Cxx0uuTzZqLsvGFe=H+>`Z&w_AYnVa`@1chy-gSP2>TM;lc1E!9c>JG4h~^J"
        "OIWQ67|JkQV9QyiQxgPd$->L65o8??`3xGGvD9ux3jz1efV8JapUJ4iIr&<ouWhjmoj9<!%K%xE@tre5kk7p#Pc@%KOWEBan"
        "kB|UU{zq$*ckQC!AZ1=X^XSz}J#|Qcd!6H{s90zXkt5Y!|Ey1(Px`fmK#e=Gc&VfpC1m!oV?+bhszEPl*=>B4Cb+R~ge*sE`"
        "{I_>m2`p(2U`sU2Z$q(jR*7KF+eLxV8VQfOBOyuJOEd(XZ8<=XS>`%Zs-bk(IJy&t?8Z|ML@l`2)LRH;&>N|h>As#K{`r9w|"
        "+X=!PJw0j!=>YFe^vS;J@dD8A{WKSa|ibn@xmir{FzDX8*1)K+81+OIc`zW2L(c<giF7OTHt^(ggZa4T3_&wmi;P--WquxgF"
        "UHF^9e}lIsoX?{kPp%=~@>;E_=fIudL2wu1w}T(WwY&sg1wId6jrfb;$KhWBcY}We_h5h5u)imee+T~hBtC=to9|8hOh>ZM{"
        "08_v;EiAn-jdYM>_h&G$e%;~o!~>@5#%p`cf&t|{5Rkq1-}LVbHu+5|2TLL_!L-SKi?of0)GcK;B#OLz5t#8{|Ij2{EMhR4Z"
        "a1Q!TE0|@#{WG{A>aIeNr#m2fm!dXP*K8j(GG1*Ij|%>I-IuNs~D7uNnW|?L3p8nQXr&T}|@ZRK03+*_KU2CdyOOO)^!HH9g"
        "+;Tm8!w`;YH$-J^D1Yq;9FJW|rLib_U}>l?w8E48OW<A%mjj_(*xJ5~nV^-RDhXUum)CR8X~P88R16sNwUT^n(aDdq>18m4F"
        "@DHV}&9TDolaiosZEVZ6sRD_Pt<C6u^10RZ7rP6r#(C*xp>NQ=eRa=+21T~Wz)3rQeccQGe3|A(rHB+yfXh(U%jLJz<?<eqD"
        "E8ELsrrx-}woC4tsK|D3eW#o;yK2UkoBf29Xo(jc!b^UMw&&#Nh!Vv&>E6g<`yCJTm@~4}Xf}vy9|tPc#z1n621xN0w@@4-x"
        ">~M~vG>YV65=5hBcsZ4s+c^u|IpB@!y_YwhG{mo7WS4K<Ate8Ar3b2Qf;z4B^#AmeR(g_4O<jMN#j||x%Mp!I2Te&Ehu+G-)"
        "e2RG2C-~O>Ia$=>}2>=0$<;n}~%ne%@YEOK?xofO0`yttgWwkf9?u51AEAgf4eNPid|L$|8?BLb}p3)Tdr(g)da=-AX?2OG|"
        "fJAE@ppKT5vs*&K`O#+By?os>t%)!e4u&z|0}d-JEg-(G%s^`YDk^x(1C*`W_-zt}VKLT4^FyyKnG(QOO<;LQ7LKK^B4{_4S"
        "=yM3pgUHj8I_UFZ42Rph?JhrLtZ0}P;hmURhYG{6be(=NwvN(I;%7OSn{R50tN4f"
    ),
    "lha": ("c-m8E(9Ov(&}C&{U;ts}Eu7g3OqWbRoP+ut42+3-B^4zM3>m38Ir%!+)W+Ncapd}dYLh@}Ss9p8{xdKnrYC0RF#rHM-xCu"),
    "arc": ("c-oU<O4KW<C}DsCRv@m9z1w=p1jNcn&B@7^VgLYp^9O_"),
    "rar": (
        "c-jj}EK-zWXJq*Nu<127BP%-t8zW;wLjyy!*2hf-Ow8PE3@mL7OPZOEFJU>^z`!U}T$-exl38S=pO%@EYNS_EQNqP6%yCCFz"
        "V!*4Fj$OB#iUZf0;sivfu#eawN_<&AyBInNNag!NrpmkL1J>MeolT~x<XnW)Cf(W5o!BR%R)uD`1);%L58$4u(W~<IoSC|A7"
        ";qmJtwvvS$TNd!yVm+SAZP?HN@qvX#8A(Vh)fH*ZTE>JCJ?A@?G;0k`D~Q8V#X3|K1jjmzk(;0v6-Cn)-5{3Q#KpE5qAnMg|"
        "}NYUF@<9qQo|oWF&y)dZ~6LRZL#>QSiYqHj0JO|f_*r;4te6Qn#fx1gjFsPZY$9pBzR;5s3_{Jbu@N<j?IL;XBcM~kyj*1;2"
        "}n+>5}<XwBuWY&QNg7WAJnSly{YK(w}?XgVelPwPmWM*Yy004Omr*H"
    ),
    "rar, old": (
        "c-jj}EK-zWXE;Bhn1O+p0RkQ!E>W0Z&cFs_f-v*(B`hb+R(uJNH4tK0(#XJ2T$&V<l38RFla`s2YNS_EQNpmHW~%|1$Mq`^s"
        "M(%@1E>*%nQK+H7kYp-OTjglXO?6r6c;2Wr^e*u=cOy8<$(?Pz~Sx#<#Q<?EK!&g&cF&Z0)&|lcD~Vn05--5Zp`65C$=70d3"
        "f8y9o>glfE@!ihUpm7A5%?6g>T$)FJc%#!VC~M7A+J7@wh}{Q2od9UGtFvrvD7VMjAq##?;aZ=5bvtEqO3OmjMQtK?EppL<~"
        "3>-Z~-zhham#n(^<aK*h$Wiao%J`QVBXfx+<Mw6x#e%Rnu9s9IFOS~%faQgaJRDj7Z$+?4*{Uh-g)GpgzbVAXPP)hNM)5;_b"
        "UOv=R1XJdNE0MkQ;3?Gh0w66&QD%L<%d=;#i8K#(F1K(AZBevBH4(tp7uz$R4"
    ),
    "rar, locked": (
        "c-jGD37qy)VR9iF2LS-{;ezW60R;yD1_1$pfPetjW}a>n0|K7_1fKu^B13+ufB*plLrqjtK~gm!VRB<=X?A5GEg)`hXk>CNa"
        "A9+EcW-iJ3ILd!*^XHP13bV01b`5vg97UAD7t_H0Sa?;Wpi{fE_8TwFaZDq4}O>|-5TN?Hpiop+KmW`XrMZ+CiH@Pht*7ST<"
        "1G!XMs`A_BKhuZWwAJ4+;YUfXpD5<|xboZ(QVxyNP65ZJP8I6*3RXOh_LtX#9Rf8;4(yKFN_G91oGeUJhNXvMB(fQ|wKlVr6"
        "r`E7d_rRDqikQa9gqgF5`sX#xXGfDi<L5Tt_w>h37IfB*psb97~MbTTe<cyurU00R$xm@M5I;v6=|qmkN;2#RRmgZd2EZiu+"
        "H_)$iEc}dcNQP1`^Nx^OyY9bFB0}g=9AeZJS%mIKF;}QzA(E)&PMHLFP(E&-(7&vjf;$=fur6p)~nvKoDh0`!8I*7k#oQMwE"
        "sbCYF&5rr6H(K`4W8~+12`?C){GoC~8;=p2en>!nQIQ=C1=BBKv5{15F9aQ7{^pLw3lne%uXe36oi&@P8izvPF)a1%DcdUFf"
        "W!)1yb|r12Kj?AZ#*S^gL=JpHD`>4b<9H!d7j9D#_W@5##XQr*djsj#e~Md%FIY>Ec)F~sd^ycW~&m6Zv*@!SR&v8#g|VH-{"
        "IodhjQ?TecT3{$EMlMaQZ>W2l%kTIa`W0`^fBH_as4)3I&Ijh`Vz_IlK~a7Lzw&uD7ndM<9X@*XITc@p?lQ-?yPvr=**k{~s"
        "WT#dNk~d(mwm(kmDf15w3i3{FIU4oH!7!Kvi*gkf>j>-71AQhw#Tg2)eA*UKJ6Y!-#d9_N8SK#~M8?aVFPAxSC>e9KmS|9jU"
        "o(t|=^U1t#b8{$LyjGPg;tpHkjt&=eioWRMX5(znjVCo0xxAFO2W3v(sI(JNl@<IjXCMO<Glx5mZ86gmc3b|eLi)xD-SkvXk"
        "dnx$9?jzHQYCEIxan_v>n&r`YQf<A6R9&ga^k2I>b8h3dQmVEMsT+*|fWwH6bdY3tJ7*G8x0?L+e5xVQfgX22z2LLx;4i-fE"
        ">csu1S3TK&+fORYNK!<O|@aC5bxD}#X0RQO0=`!K%6C2^4^A~Xlht0uL0DX{8w($i+rSX8P^G$E14n3v~OuFs{AW?Q9G@t<O"
        "@~F8-GSn)ETwHYB{Z|``PmJb1HGdWTMsjP{Ia%?eeb)o?Gtet`nxa1|H(nplRu|-OI`NooB<LWAY|bTQ(+%1bWq9rYDFH;BR"
        "$|vjd96v{3@>a)lO}T2t0g-9#^QE1qVpW6(#kOvC<D`sm0`ftkx}A&x2k9@O!wvbO#~vP5jUYS77rJS4GC;e(vc*DOhig5sG"
        "4`Y&C>7`8G`!VMAainRy?tX2Qq-+y0fUiQbyHU<dt{LXX2BO|M@v5YZQc>G5~9@^TL>(shl4HR{b5R;2C&xPjWP{XGTr7PPr"
        "gB-I7tw}Krt<X1DeNc!4DuXNDMN<dlmVh`;RB#N@V;9wQv7#{GBE7Ff3i!d&l4rcTQgDX_Bz+whq<@m7vK9=OqVTPNf=8tZV"
        "wW<9_-uMzBMk^1cQqD0u-pLfz62>JZQjmgH4pciy)FbHCv*s$lT$Xk>0c(KS|X=k_6u06q{Z*EG`5%^lsd!^0Thi3s>0ggF3"
        "JgDT!B6&g5K*nK^{)|4#rO?5R-gXAUNNt8AnDeMIFLLHy8+fWIJiuH0$V}+CPtZAKS3-0yV=~5-SmHw@|)^lYUv&MgPq8bHW"
        "h>-5B`BENi1|Uc|6AfMKYleW8Hjx5($FT^k-%8eOL6Dr#{$qB5g9it|nxCqe}My?F@1B@fU(J1lQIQ65W~$Aw}zhyQM+KpCS"
        "tLP#g$XquW5Lu24YdLc6ko58KQ+c5|sQ!tu8Baz5a_!zzl2<os3Kwbx%AZ)aJ1ChJX+$`0aR7HgsCMJGnhqv4O?C%oFno{Tz"
        "nP%u%)^d2%?T4Inl@)kA=VYgDEc+!4j#^T<nDV}xWh1d5suC0e8e<cHV_zQtZllJ!Ju&rTL&Ja;y+i*@UiZwbqfw9fqI11}<"
        ")fOZng`6IAdZpnB{^a{<0fD711&H%3)ry~7@2-^v^U7I{ft0J)pb`)CA@IUf*u`qGxh58VK;}R)p4XOi5*!urxR(3*4g|<4U"
        "3a(ig%rsJ|T0er~N_No~Tr)doj|E7)=8u*&@r4KN*H8&~h7UhCGa!KXE=JtRT_<r;DFU84sjQLuXF$w73cY*RGpk1T#$II0h"
        "%(&@*pky+S%EM=C)0xo|SsM#JD){v<A(y(QTEhc1R*3}}cC4>3tj&23f|(pzwl?QRWO8#766r&k5p<Swqbw&6otU{}=>9Y}U"
        "N$l4(nVf*BOgjjkHV2g)krS~mDZ786r?Ok2?H*UpU<*na^Rx94j@1L913>&j19A8^9r#215Bk@wV7&!>E4@58DW>GxJ_QA~k"
        "i<n^b5k>NCH5Sh?w$W(v)4T5%IP=$fG;YMT2RF%kZ$f<sjG$dT_q9o+h-*({F=6G5($H8u6NE>1aG#4oJFuj|`_q7rj<Tr7P"
        "G7+62Rl`%t%oIExm>I7;!>9V=Jg@tUsRezS4YO*B+(z}Edb{`uWaE8EzvrpXxC6+XkWihtABK22qmMxodFk)zH~gOB~>!osa"
        "mbJ>i@~(2hTQ*aL0sQHkv+49LvaXROJmS`0I-IwCRr-cl7b5aDu2uf5MPf{L6#jP<ph^I}^$P9;x;jtxnwyIi?ChG->W*WW)"
        "fORy`uqrHicJ5lz(nDcF8Wfj{jfVR|*;-{s!s>$UU{#x1I!aWq<^qmSfO!(kJLpk#<yFwUik`2!r5#7~7LsY6;j=1|+Jz6Da"
        "fXBXYnTnmBQ;2+u&ks|AmDi+@eYao>l{B43~XH>&Zw@LRm^T)gA<#&7dLRfH8+y_j_%4$b1cLdnqH)!LYxC$)DnYvSh1UrOB"
        "AIlfJsBxI5@mr6Oxtovxsr)`iw&t=**}xm%hcne@6^^5Q54+ow_FesoBjJd2F+_f$H5nE|S7swt1P6$9VLbNV;~Md|b}q(r#"
        "{|n7k+oUZ3M3aR22x?;o64}ix<VayR#5{51OPP6Yij"
    ),
    "rar, old, locked": (
        "c-jj}EK-zWXV}YF%*0^K00BQ(OBoo{7`PZjOx^_uF!+E48M$&7tk9m%KJ_2_>cx#~S2hSRmGCq;F(?4#*g*<*)k;?7F(=!K7"
        ";}OJ-8_9<4fR4ILKFjm#z`{pFz_4Pi%iSRNi|H)&&^HED+zv9TUUIJO?x-X+g2F?t#A8R`{=ejH|@EeZmQpNY|nGmN2oSDJ{"
        "(_Bh-QNk$cD8ka2ssnKsFdbZMZyPpRDuyEBh;>rq<}LJM1YW%<_Bswe3HjmkX_8i#xCa02j$krT"
    ),
}


def kept(name):
    """Return an archive that was made elsewhere."""
    return zlib.decompress(base64.b85decode(_KEPT[name]))


def alz(name, content):
    """Return an ALZip archive of one stored file."""
    crc, size = zlib.crc32(content), len(content)
    head = struct.pack("<HBIBBBBIII", len(name), 0x20, 0x5A210000, 0x40, 0, 0, 0, crc, size, size)
    return b"ALZ\x01\x0a\0\0\0" + b"BLZ\x01" + head + name + content + b"CLZ\x01" + bytes(12) + b"CLZ\x02"


def cab(files):
    """Return a Microsoft cabinet of stored files, named with backslashes as Windows does."""
    content = b"".join(files.values())
    entries, at = b"", 0
    for name, data in files.items():
        entries += struct.pack("<IIHHHH", len(data), at, 0, 0x5A21, 0, 0x20) + name.encode() + b"\0"
        at += len(data)
    start = 36 + 8 + len(entries)
    folder = struct.pack("<IHH", start, 1, 0)
    data = struct.pack("<IHH", 0, len(content), len(content)) + content
    head = b"MSCF" + struct.pack(
        "<IIIIIBBHHHHH", 0, start + len(data), 0, 44, 0, 3, 1, 1, len(files), 0, 0, 0
    )
    return head + folder + entries + data
